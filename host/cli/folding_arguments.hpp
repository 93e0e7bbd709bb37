#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include <countem/event_store.hpp>
#include <countem/folded_store.hpp>
#include <countem/scan_path.hpp>

#include "host/cli/context.hpp"

namespace countem::cli {

/// The options by which a store is folded. CLI11 keeps the addresses of the members.
class folding_arguments {
 public:
  folding_arguments() = default;
  folding_arguments(const folding_arguments&) = delete;
  folding_arguments& operator=(const folding_arguments&) = delete;

  void add_to(CLI::App& command, const std::string& group);
  [[nodiscard]] bool is_given() const { return !scan_.empty() || !path_.is_plain(); }
  /// The size alone; empty: none is given.
  [[nodiscard]] const std::string& scan() const { return scan_; }
  [[nodiscard]] const scan_path& path() const { return path_; }
  /// @throws invalid_argument
  [[nodiscard]] folding wanted() const;
  /// The store as it is, or folded with a warning of what does not fit. @throws as fold()
  [[nodiscard]] std::unique_ptr<event_store> folded(std::unique_ptr<event_store> store, const std::filesystem::path& path,
                                                    context& ctx) const;

 private:
  std::string scan_;
  scan_path path_;
};

}  // namespace countem::cli
