// countem index: the headers of all records of a scan in one file.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include <countem/record_headers.hpp>

#include "host/cli/command.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/source_arguments.hpp"

namespace countem::cli {

namespace {

struct index_options {
  source_arguments inputs;
  std::filesystem::path output;
};

void run(const index_options& wanted, context& ctx) {
  const auto start = std::chrono::steady_clock::now();
  const kept_headers kept =
      save_record_headers(wanted.inputs.inputs(), wanted.inputs.options(), wanted.output, ctx.rules(wanted.inputs.inputs()));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::uint64_t bytes = std::filesystem::file_size(wanted.output);
  ctx.wrote(wanted.output);
  ctx.warn_of(kept.scan.issues);
  if (ctx.json) {
    ctx.print_json({{"output", wanted.output.string()},
                    {"bytes", bytes},
                    {"files", kept.files},
                    {"records", kept.records},
                    {"frames", kept.scan.scan.frames()},
                    {"missing_frames", kept.scan.missing_frames},
                    {"seconds", seconds}});
    return;
  }
  ctx.inform("indexed {} records of {} files, {} frames, into {} ({}, {:.2f} s)", with_separators(kept.records), kept.files,
             with_separators(kept.scan.scan.frames()), wanted.output.string(), human_bytes(bytes), seconds);
}

}  // namespace

void add_index(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<index_options>();
  CLI::App* command = app.add_subcommand(
      "index", "Keep the headers of a 4D Camera scan in a file, so that other processes open it without reading every record");
  chosen->inputs.add_to(*command);
  command->add_option("-o,--output", chosen->output, "The file to write (HDF5), for --index")->required();
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { run(*chosen, ctx); });
}

}  // namespace countem::cli
