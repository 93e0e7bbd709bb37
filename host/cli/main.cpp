// countem's command line: parses, runs one command, maps errors to the documented exit codes.
#include <csignal>
#include <exception>
#include <memory>
#include <string>

#include "host/cli/command.hpp"
#include "host/cli/failure.hpp"
#include "host/cli/help.hpp"
#include "host/cli/open_files.hpp"
#include "host/cli/parse_failure.hpp"

namespace countem::cli {

namespace {

std::atomic<bool> stop_requested{false};

// The first Ctrl-C asks the command to finish what is in flight; the second one ends the program the hard way.
void request_stop(int signal) {
  stop_requested.store(true);
  std::signal(signal, SIG_DFL);
}

void handle_signals() {
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe or a full quota is a failed write with a sentence of its own
  std::signal(SIGXFSZ, SIG_IGN);
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
  add_info(app, ctx);
  add_verify(app, ctx);
  add_recover(app, ctx);
  add_convert(app, ctx);
  add_reduce(app, ctx);
  add_report(app, ctx);
  add_compare(app, ctx);
  add_bench(app, ctx);
  add_version(app, ctx);
  add_help(app, ctx);
  add_generators(app, ctx);
}

int parse_and_run(int argc, char** argv, context& ctx) {
  CLI::App app{"Electron counting and sparse reduction for direct-detector data", "countem"};
  add_commands(app, ctx);
  try {
    require_known_command(app, {argv + 1, argv + argc});
    app.parse(argc, argv);
    return ctx.exit_code;
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& wrong) {
    context::to_stderr(explain_parse_error(app, wrong));
    return usage;
  }
}

int run(int argc, char** argv) {
  std::string command_line;
  try {
    handle_signals();
    raise_limit_of_open_files();
    command_line = joined(argc, argv);
    context ctx{stop_requested, command_line};
    return parse_and_run(argc, argv, ctx);
  } catch (...) {
    const failure ended = explain(std::current_exception(), command_line);
    context::to_stderr(ended.text);
    return ended.code;
  }
}

}  // namespace

}  // namespace countem::cli

int main(int argc, char** argv) {
  return countem::cli::run(argc, argv);
}
