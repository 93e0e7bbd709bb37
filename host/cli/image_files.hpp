#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include <countem/large_output.hpp>
#include <countem/output.hpp>
#include <countem/saved_image.hpp>

#include "host/cli/context.hpp"

namespace countem::cli {

/// The directories in which each image is also left as a picture and as an array, and the options that name them.
class image_folders {
 public:
  void add_to(CLI::App& command);
  /// Whether one is named.
  [[nodiscard]] bool are_named() const { return !pictures_.empty() || !arrays_.empty(); }
  /// Makes those that are named.
  void make() const;
  /// Before the first file is written. @throws as check_output() does.
  void check(const std::filesystem::path& output, std::span<const saved_image> images, const output_rules& rules) const;
  /// expect_output() of the array of an image, which holds no values yet.
  void expect(const std::filesystem::path& output, const saved_image& image, size_is known) const;
  /// Draws and saves what was asked for; ends early where the program is asked to stop.
  void write(const std::filesystem::path& output, std::span<const saved_image> images, const output_rules& rules,
             context& ctx) const;

 private:
  [[nodiscard]] std::filesystem::path array_of(const std::filesystem::path& output, const saved_image& image) const;
  [[nodiscard]] std::filesystem::path picture_of(const std::filesystem::path& output, const saved_image& image) const;

  std::filesystem::path pictures_;
  bool plain_pictures_ = false;
  std::filesystem::path arrays_;
};

/// Name, extent, units, meaning and attributes of each image.
[[nodiscard]] nlohmann::ordered_json images_json(std::span<const saved_image> images);

}  // namespace countem::cli
