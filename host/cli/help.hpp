#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace countem::cli {

/// Columns that no line of a help text exceeds.
inline constexpr std::size_t help_columns = 100;

/// Writes the help of a command: usage, arguments, options by group, commands, examples and, at the top, the exit codes.
class help_formatter : public CLI::Formatter {
 public:
  /// `name`: the words that call the command.
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace countem::cli
