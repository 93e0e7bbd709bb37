#include "host/cli/context.hpp"

#include <cstdio>

#include <countem/error.hpp>
#include <countem/notices.hpp>
#include <countem/stop.hpp>

#include "host/cli/advice.hpp"

namespace countem::cli {

context::context(const std::atomic<bool>& raised, std::string typed) : stop(raised), command_line(std::move(typed)) {}

void context::add_output_options(CLI::App& command) {
  command.add_flag("--json", json, "Print one JSON object on stdout");
  command.add_flag("--quiet", quiet, "Print nothing but errors, and the object of --json");
}

void context::add_verbose_option(CLI::App& command) {
  command.add_flag("--verbose", verbose, "Report also why a backend was chosen");
}

void context::show_notices() {
  for (std::string& notice : take_notices()) warn(std::move(notice));
}

void context::add_force_option(CLI::App& command) {
  command.add_flag("--force", force,
                   "Replace files of other programs and unfinished outputs, too, never an input; accept darks that mask more "
                   "than a tenth of the pixels (count, calibrate)");
}

output_rules context::rules(std::vector<std::filesystem::path> inputs, existing_file otherwise) const {
  return {force ? existing_file::replaced : otherwise, std::move(inputs)};
}

void context::warn(std::string text) {
  inform("countem: warning: {}", text);
  keep_warning(std::move(text));
}

void context::warn_of(std::span<const source_issue> issues) {
  for (const source_issue& issue : issues) {
    if (is_fault(issue)) warn(sentence(issue));
  }
}

void context::answer(std::string_view text) const {
  if (!quiet && !json) to_stdout(text);
}

void context::print_json(nlohmann::ordered_json object) {
  show_notices();
  if (!object.contains("outputs")) object["outputs"] = outputs_;
  if (!object.contains("warnings")) object["warnings"] = warnings_;
  // File names are any bytes; JSON is UTF-8.
  to_stdout(object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void context::to_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    check_stop();  // a write that waits is ended by a signal
    throw io_error("standard output: the answer cannot be written: disk full, or the reader has gone");
  }
}

void context::to_stderr(std::string_view text) noexcept {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
  static_cast<void>(std::fflush(stderr));
}

}  // namespace countem::cli
