#pragma once

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <countem/input_file.hpp>
#include <countem/output.hpp>

#include "host/cli/printable.hpp"

namespace countem::cli {

/// What a command may use of the program around it: the options that every command has, and the only ways to print. Lines for
/// people go to stderr, where a failed write is ignored; the answer goes to stdout, where it is an error. Not synchronised:
/// belongs to the thread that runs the command.
class context {
 public:
  /// `stop`: raised by Ctrl-C; must outlive the object. `command_line`: as typed, for provenance.
  context(const std::atomic<bool>& stop, std::string command_line);
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  /// Adds --quiet and --json to a command. All commands share the two members below.
  void add_output_options(CLI::App& command);
  /// Adds --verbose, for the commands that have more to report.
  void add_verbose_option(CLI::App& command);

  /// Adds --force, for the commands that write files.
  void add_force_option(CLI::App& command);
  /// Conditions for outputs that are made from these files: --force replaces what is there, else `otherwise` decides.
  [[nodiscard]] output_rules rules(std::vector<std::filesystem::path> inputs,
                                   existing_file otherwise = existing_file::replaced_if_own) const;

  /// A line on stderr, without its end; none with --quiet. Control characters are shown as printable() does.
  template <class... Values>
  void inform(fmt::format_string<Values...> format, Values&&... values) const {
    if (!quiet) to_stderr(printable(fmt::format(format, std::forward<Values>(values)...)) + "\n");
  }
  /// A warning on stderr (none with --quiet), which is also kept for "warnings" of the JSON object.
  void warn(std::string text);
  /// A warning for each issue.
  void warn_of(std::span<const source_issue> issues);
  /// A warning for "warnings" of the JSON object alone, where the command words its lines itself.
  void keep_warning(std::string text) { warnings_.push_back(std::move(text)); }
  /// Records a file that the command wrote, for "outputs" of the JSON object.
  void wrote(const std::filesystem::path& path) { outputs_.push_back(path.string()); }
  /// Text on stdout that answers the command; none with --quiet or --json. @throws io_error stdout cannot be written
  void answer(std::string_view text) const;
  /// The one object on stdout, with the keys "outputs" and "warnings" added. @throws io_error stdout cannot be written
  void print_json(nlohmann::ordered_json object);
  /// Warns of what the library noticed about the machine since the last call (countem/notices.hpp).
  void show_notices();

  const std::atomic<bool>& stop;  ///< raised by Ctrl-C
  std::string command_line;       ///< as typed, for provenance
  int exit_code = 0;              ///< set by a command whose failure is an answer rather than an error
  bool quiet = false;             ///< --quiet: nothing on stderr but errors
  bool json = false;              ///< --json: one object on stdout instead of text
  bool verbose = false;           ///< --verbose: also why things were chosen
  bool force = false;             ///< --force: outputs replace any file but an input

  /// Writes to stdout and flushes it. @throws io_error it cannot be written; interrupted a signal ended the wait
  static void to_stdout(std::string_view text);
  /// Writes to stderr. A write that fails is ignored: a lost line must not end a count.
  static void to_stderr(std::string_view text) noexcept;

 private:
  std::vector<std::string> outputs_;
  std::vector<std::string> warnings_;
};

}  // namespace countem::cli
