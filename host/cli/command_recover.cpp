// countem recover: saves the frames of a broken event store.
#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <countem/event_store.hpp>

#include "host/cli/command.hpp"
#include "host/cli/progress.hpp"

namespace countem::cli {

namespace {

struct recover_options {
  std::filesystem::path broken;
  std::filesystem::path fixed;
};

void run(const recover_options& wanted, context& ctx) {
  const recovery_report report = recover_event_store(wanted.broken, wanted.fixed, ctx.rules({}, existing_file::kept));
  ctx.wrote(wanted.fixed);
  ctx.warn_of(report.issues);
  std::vector<std::string> left_out;
  for (const std::uint64_t frame : report.damaged)
    left_out.push_back(fmt::format("frame {} is there but damaged; it was left out", frame));
  for (const std::string& sentence : left_out) ctx.keep_warning(sentence);
  if (ctx.json) {
    ctx.print_json({{"broken", wanted.broken.string()},
                    {"output", wanted.fixed.string()},
                    {"frames", report.frames},
                    {"scan_frames", report.scan_frames},
                    {"events", report.events},
                    {"damaged_frames", report.damaged}});
    return;
  }
  ctx.inform("saved {} of {} frames with {} events into {}", with_separators(report.frames),
             with_separators(report.scan_frames), with_separators(report.events), wanted.fixed.string());
  for (const std::string& sentence : left_out) ctx.inform("countem: {}", sentence);
}

}  // namespace

void add_recover(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<recover_options>();
  CLI::App* command =
      app.add_subcommand("recover", "Save every whole frame of a broken event store; the broken file is only read");
  command->add_option("broken", chosen->broken, "What is left: usually NAME.h5.part")->required();
  command->add_option("-o,--output", chosen->fixed, "The event store to write")->required();
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { run(*chosen, ctx); });
}

}  // namespace countem::cli
