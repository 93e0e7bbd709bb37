// countem verify: checks an event store down to the last bit.
#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "host/cli/command.hpp"
#include "host/cli/exit_codes.hpp"
#include "host/cli/store_facts.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

struct verify_options {
  std::string file;
  unsigned threads = 0;
};

/// Frames and events of a store by its own account; null where it is too broken to be opened.
json contents(const std::string& file, bool is_whole) {
  try {
    const std::unique_ptr<event_store> store = open_event_store(file);
    return {{"frames", store->frames()}, {"events", events_in(*store)}};
  } catch (const format_error&) {
    if (is_whole) throw;
    return {{"frames", nullptr}, {"events", nullptr}};
  }
}

}  // namespace

void add_verify(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<verify_options>();
  CLI::App* command = app.add_subcommand(
      "verify", "Check an event store: structure, every CRC, counts against data, order of events, provenance");
  command->add_option("file", chosen->file, "The event store")->required();
  command->add_option("--threads", chosen->threads, "Threads; 0: all cores");
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] {
    const std::vector<std::string> faults = verify_event_store(chosen->file, chosen->threads);
    if (!faults.empty()) ctx.exit_code = bad_input;
    if (ctx.json) {
      json told{{"file", chosen->file}, {"ok", faults.empty()}, {"faults", faults}};
      told.update(contents(chosen->file, faults.empty()));
      ctx.print_json(told);
      return;
    }
    for (const std::string& fault : faults) context::to_stderr(fmt::format("countem: {}\n", printable(fault)));
    ctx.inform("{}: {}", chosen->file,
               faults.empty()       ? "every frame is whole"
               : faults.size() == 1 ? "1 fault"
                                    : fmt::format("{} faults", faults.size()));
  });
}

}  // namespace countem::cli
