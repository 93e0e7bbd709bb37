// countem verify: checks an event store down to the last bit.
#include <fmt/core.h>

#include <memory>

#include <countem/event_store.hpp>

#include "host/cli/command.hpp"

namespace countem::cli {

namespace {

struct verify_options {
  std::string file;
  unsigned threads = 0;
  bool as_json = false;
};

constexpr int faults_found = 3;  // the exit code of bad input

}  // namespace

void add_verify(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<verify_options>();
  CLI::App* command = app.add_subcommand(
      "verify", "Check an event store: structure, every CRC, counts against data, order of events, provenance");
  command->add_option("file", chosen->file, "The event store")->required();
  command->add_option("--threads", chosen->threads, "Threads; 0: all cores");
  command->add_flag("--json", chosen->as_json, "Print one JSON object on stdout");
  command->callback([chosen, &ctx] {
    const std::vector<std::string> faults = verify_event_store(chosen->file, chosen->threads);
    if (!faults.empty()) ctx.exit_code = faults_found;
    if (chosen->as_json) {
      ctx.print_json({{"file", chosen->file}, {"ok", faults.empty()}, {"faults", faults}});
      return;
    }
    for (const std::string& fault : faults) fmt::print(stderr, "countem: {}\n", fault);
    fmt::print(stderr, "{}: {}\n", chosen->file,
               faults.empty() ? "every frame is whole" : fmt::format("{} faults", faults.size()));
  });
}

}  // namespace countem::cli
