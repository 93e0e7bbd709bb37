#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include <countem/frame_source.hpp>
#include <countem/scan_path.hpp>
#include <countem/types.hpp>

namespace countem::cli {

/// "WxH" or "WxHxN" (N frames at each position; 0 where it is not given): scans are named width first, as microscopes do.
/// @throws invalid_argument
[[nodiscard]] scan_shape scan_from(std::string_view text);

/// "HxW": frames are named height first, as arrays are. @throws invalid_argument
[[nodiscard]] frame_shape shape_from(std::string_view text);

/// Adds --skip, --flyback and --snake.
std::array<CLI::Option*, 3> add_path_options(CLI::App& command, scan_path& path);

/// The files of a scan and those that belong to it.
[[nodiscard]] std::vector<std::filesystem::path> paths_of(std::span<const input_file> scan, std::span<const input_file> others);

/// The options that define how raw input is opened, the same for every command that reads frames. CLI11 keeps the addresses of
/// the members, so the object must stay where it is until the command has run.
class source_arguments {
 public:
  source_arguments() = default;
  source_arguments(const source_arguments&) = delete;
  source_arguments& operator=(const source_arguments&) = delete;

  /// Adds the positional INPUT..., which may be left out unless `required`, and the options to a command.
  void add_to(CLI::App& command, bool required = true);

  [[nodiscard]] const std::vector<std::filesystem::path>& inputs() const { return inputs_; }
  /// @throws invalid_argument when the options contradict each other.
  [[nodiscard]] source_options options() const;
  /// How to open darks of the same detector. What describes the inputs' format describes them too
  /// where their names end alike; else their format is found out from the files. The order of axes
  /// holds for them in any case.
  [[nodiscard]] source_options options_for_darks(const std::vector<std::filesystem::path>& darks) const;

 private:
  [[nodiscard]] source_options format_options() const;
  [[nodiscard]] raw_layout layout() const;

  std::vector<std::filesystem::path> inputs_;
  std::string format_;
  std::filesystem::path index_;
  std::string scan_;
  scan_path path_;
  std::string shape_;
  std::string type_ = "u16";
  std::uint64_t offset_bytes_ = 0;
  std::uint64_t gap_bytes_ = 0;
  std::uint64_t frames_ = 0;
  std::string dataset_;
  std::string axes_;
  double scale_ = 1;
};

}  // namespace countem::cli
