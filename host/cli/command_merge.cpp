// countem merge: one event store of the parts of a scan.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <countem/event_store.hpp>

#include "host/cli/command.hpp"
#include "host/cli/file_lists.hpp"
#include "host/cli/progress.hpp"

namespace countem::cli {

namespace {

struct merge_options {
  std::vector<std::filesystem::path> parts;
  std::filesystem::path whole;
  bool is_virtual = false;
};

void run(const merge_options& wanted, context& ctx) {
  const auto start = std::chrono::steady_clock::now();
  const auto merge = wanted.is_virtual ? link_event_stores : merge_event_stores;
  const merge_report report = merge(wanted.parts, wanted.whole, ctx.rules({}));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ctx.wrote(wanted.whole);
  ctx.warn_of(report.issues);
  const std::uint64_t bytes = std::filesystem::file_size(wanted.whole);
  if (ctx.json) {
    std::vector<std::string> parts;
    for (const std::filesystem::path& part : wanted.parts) parts.push_back(part.string());
    ctx.print_json({{"parts", parts},
                    {"output", wanted.whole.string()},
                    {"virtual", wanted.is_virtual},
                    {"bytes", bytes},
                    {"frames", report.frames},
                    {"scan_frames", report.scan_frames},
                    {"shared_frames", report.shared},
                    {"events", report.events},
                    {"seconds", seconds}});
    return;
  }
  ctx.inform("{} {} part{}: {} of {} frames with {} events into {} ({}, {:.2f} s)", wanted.is_virtual ? "linked" : "merged",
             wanted.parts.size(), wanted.parts.size() == 1 ? "" : "s", with_separators(report.frames),
             with_separators(report.scan_frames), with_separators(report.events), wanted.whole.string(), human_bytes(bytes),
             seconds);
}

}  // namespace

void add_merge(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<merge_options>();
  CLI::App* command =
      app.add_subcommand("merge", "Make one event store of the parts of a scan (count --part); frames are copied as they are");
  command
      ->add_option_function<std::vector<std::string>>(
          "PART", [chosen](const std::vector<std::string>& given) { chosen->parts = expand_file_lists(given); },
          "Event stores of one scan, counted in the same way, that hold some of its frames each; @LIST names a file with one "
          "path per line, - reads such a list from standard input")
      ->required()
      ->expected(0, CLI::detail::expected_max_vector_size);
  command->add_option("-o,--output", chosen->whole, "The event store to write")->required();
  command->add_flag("--virtual", chosen->is_virtual,
                    "Copy nothing: a virtual dataset that leads to the parts, which lie in the output's folder and stay there");
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { run(*chosen, ctx); });
}

}  // namespace countem::cli
