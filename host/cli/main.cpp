// countem's command line: parses, runs one command, maps errors to the documented exit codes.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <type_traits>

#include <countem/stop.hpp>
#include <countem/threads.hpp>

#include "host/cli/command.hpp"
#include "host/cli/failure.hpp"
#include "host/cli/help.hpp"
#include "host/cli/lack_of_memory.hpp"
#include "host/cli/open_files.hpp"
#include "host/cli/parse_failure.hpp"
#include "host/cli/printable.hpp"
#include "host/cli/size_display.hpp"
#include "host/cli/work_display.hpp"

namespace countem::cli {

namespace {

// The first Ctrl-C asks the command to finish what is in flight; the second one ends the program the hard way.
void request_stop(int) {
  stop_requested.store(true);
}

/// Signals that the program's parent ignores (nohup, shells without job control) stay ignored.
void stop_at(int signal) {
  struct sigaction action {};
  if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = request_stop;
  // Calls that wait (an open, a read from a terminal) end with EINTR: without SA_RESTART.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(signal, &action, nullptr);
}

void handle_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) stop_at(signal);
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe or a full quota is a failed write with a sentence of its own
  std::signal(SIGXFSZ, SIG_IGN);
}

/// A file must not get the number of a standard stream that was closed: what is printed would go into it. What stands in for
/// the stream fails as the closed one does, when it is read (0) or written (1 and 2).
void open_standard_streams() {
  int descriptor = 0;
  do {
    descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (descriptor == STDIN_FILENO) {
      ::close(descriptor);
      descriptor = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
  } while (descriptor >= STDIN_FILENO && descriptor <= STDERR_FILENO);
  if (descriptor >= 0) ::close(descriptor);
}

std::string joined(int argc, char** argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) line += (i == 0 ? "" : " ") + std::string(i == 0 ? "countem" : argv[i]);
  return line;
}

void add_commands(CLI::App& app, context& ctx) {
  app.formatter(std::make_shared<help_formatter>());  // the commands inherit it
  app.set_version_flag("-v,-V,--version", version_text, "Print the version and the facts of the build, and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  add_simulate(app, ctx);
  add_calibrate(app, ctx);
  add_count(app, ctx);
  add_index(app, ctx);
  add_info(app, ctx);
  add_verify(app, ctx);
  add_recover(app, ctx);
  add_merge(app, ctx);
  add_convert(app, ctx);
  add_reduce(app, ctx);
  add_parallax(app, ctx);
  add_report(app, ctx);
  add_compare(app, ctx);
  add_bench(app, ctx);
  add_version(app, ctx);
  add_help(app, ctx);
  add_generators(app, ctx);
}

/// What --help and --version print.
int print_asked(const CLI::App& app, const CLI::Success& asked) {
  std::ostringstream answer;
  const int code = app.exit(asked, answer, answer);
  context::to_stdout(answer.str());
  return code;
}

/// The greatest or least number of 64 bits, which the parser takes for all beyond it.
template <class Number>
std::string beyond_64_bits(const std::string& text) {
  errno = 0;
  if constexpr (std::is_signed_v<Number>) {
    static_cast<void>(std::strtoll(text.c_str(), nullptr, 0));
  } else {
    static_cast<void>(std::strtoull(text.c_str(), nullptr, 0));
  }
  return errno == ERANGE ? text + " is beyond the numbers of 64 bits" : "";
}

/// "nan" is a number to the parser, and ranges do not exclude it; numbers beyond 64 bits become others.
void refuse_no_numbers(CLI::App& app) {
  const CLI::Validator is_number(
      [](const std::string& text) { return std::isnan(std::strtod(text.c_str(), nullptr)) ? text + " is not a number" : ""; },
      "");
  const CLI::Validator is_signed([](const std::string& text) { return beyond_64_bits<std::int64_t>(text); }, "");
  const CLI::Validator is_unsigned([](const std::string& text) { return beyond_64_bits<std::uint64_t>(text); }, "");
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    for (CLI::Option* option : command->get_options()) {
      const std::string type = option->get_type_name();
      if (type.starts_with("FLOAT")) option->check(is_number);
      if (type.starts_with("INT")) option->check(is_signed);
      if (type.starts_with("UINT")) option->check(is_unsigned);
    }
    refuse_no_numbers(*command);
  }
}

int parse_and_run(int argc, char** argv, context& ctx) {
  CLI::App app{"Electron counting and sparse reduction for direct-detector data", "countem"};
  add_commands(app, ctx);
  refuse_no_numbers(app);
  try {
    require_known_command(app, {argv + 1, argv + argc});
    app.parse(argc, argv);
    return ctx.exit_code;
  } catch (const CLI::Success& asked) {
    return print_asked(app, asked);
  } catch (const CLI::ParseError& wrong) {
    context::to_stderr(printable_lines(explain_parse_error(app, wrong)));
    return usage;
  }
}

/// Ends with the exit code and the sentence of what was thrown, even where no memory is left to word it.
int end_by(const std::exception_ptr& thrown, const std::string& command_line) noexcept {
  try {
    const failure ended = explain(thrown, command_line);
    context::to_stderr(ended.text);
    return ended.code;
  } catch (...) {
    context::to_stderr(out_of_memory);
    return io_failure;
  }
}

/// Never ended: oneTBB starts threads when a limit ends, and the process would end where the system refuses them.
[[gnu::used]] const thread_limit* limit_of_process = nullptr;

int run(int argc, char** argv) noexcept {
  std::string command_line;
  try {
    open_standard_streams();
    handle_signals();
    raise_limit_of_open_files();
    prepare_for_lack_of_memory();
    command_line = joined(argc, argv);
    limit_of_process = new thread_limit;
    context ctx{stop_requested, command_line};
    const work_display display(ctx.quiet);
    const size_display sizes(ctx);
    const int code = parse_and_run(argc, argv, ctx);
    ctx.show_notices();
    return code;
  } catch (...) {
    return end_by(std::current_exception(), command_line);
  }
}

}  // namespace

}  // namespace countem::cli

int main(int argc, char** argv) {
  const int code = countem::cli::run(argc, argv);
  countem::cli::command_has_ended();
  return code;
}
