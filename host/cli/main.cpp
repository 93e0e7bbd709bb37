// countem's command line: parses, runs one command, maps errors to the documented exit codes.
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>

#include <countem/error.hpp>
#include <countem/version.hpp>

#include "host/cli/advice.hpp"
#include "host/cli/command.hpp"

namespace countem::cli {

namespace {

enum exit_code : int { done = 0, usage = 2, bad_input = 3, io_failure = 4, no_backend = 5, user_interrupt = 130 };

std::atomic<bool> stop_requested{false};

// The first Ctrl-C asks the command to finish what is in flight; the second one ends the program the hard way.
void request_stop(int signal) {
  stop_requested.store(true);
  std::signal(signal, SIG_DFL);
}

std::string joined(int argc, char** argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) line += (i == 0 ? "" : " ") + std::string(i == 0 ? "countem" : argv[i]);
  return line;
}

int fail(exit_code code, const std::exception& what) {
  const auto* const ours = dynamic_cast<const error*>(&what);
  fmt::print(stderr, "countem: {}\n", ours != nullptr ? sentence(*ours) : what.what());
  return code;
}

}  // namespace

void context::print_json(const nlohmann::ordered_json& object) const {
  // File names are any bytes; JSON is UTF-8.
  std::cout << object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
}

int run(int argc, char** argv) {
  CLI::App app{"Electron counting and sparse reduction for direct-detector dumps", "countem"};
  app.set_version_flag("--version", std::string("countem ") + version);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* asked, const CLI::Error& failure) {
    return fmt::format("countem: {}\nRun {} --help for the options.\n", failure.what(),
                       asked->get_parent() ? "countem " + asked->get_name() : "countem");
  });
  context ctx{stop_requested, joined(argc, argv)};

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

  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe or a full quota is a failed write with a sentence of its own
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    app.parse(argc, argv);
    return ctx.exit_code;
  } catch (const CLI::ParseError& parse) {
    return app.exit(parse) == 0 ? done : usage;
  } catch (const interrupted& what) {
    return fail(user_interrupt, what);
  } catch (const invalid_argument& what) {
    return fail(usage, what);
  } catch (const format_error& what) {
    return fail(bad_input, what);
  } catch (const io_error& what) {
    return fail(io_failure, what);
  } catch (const std::filesystem::filesystem_error& what) {
    return fail(io_failure, what);
  } catch (const not_compiled& what) {
    return fail(no_backend, what);
  } catch (const cuda_error& what) {
    return fail(no_backend, what);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "countem: not enough memory: use fewer --threads or smaller frames\n");
    return io_failure;
  } catch (const std::exception& what) {
    return fail(bad_input, what);
  }
}

}  // namespace countem::cli

int main(int argc, char** argv) {
  return countem::cli::run(argc, argv);
}
