// countem convert: events to and from the forms of other programs.
#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <optional>

#include <countem/convert.hpp>
#include <countem/error.hpp>

#include "host/cli/command.hpp"
#include "host/cli/source_arguments.hpp"

namespace countem::cli {

namespace {

struct convert_options {
  std::filesystem::path input;
  std::filesystem::path output;
  std::string form = "store";
  std::string scan;
  std::string shape;
  bool as_json = false;
};

void run(const convert_options& wanted, const context& ctx) {
  std::vector<std::string> lost;
  if (wanted.form == "store") {
    import_options options;
    options.command_line = ctx.command_line;
    if (!wanted.scan.empty()) options.scan = scan_from(wanted.scan);
    if (!wanted.shape.empty()) options.frame = shape_from(wanted.shape);
    import_events(wanted.input, wanted.output, options);
  } else {
    lost = export_events(*open_event_store(wanted.input), wanted.output, export_format_from(wanted.form));
  }
  if (wanted.as_json) {
    ctx.print_json(
        {{"input", wanted.input.string()}, {"output", wanted.output.string()}, {"to", wanted.form}, {"notes", lost}});
    return;
  }
  for (const std::string& note : lost) fmt::print(stderr, "countem: note: {}\n", note);
  fmt::print(stderr, "wrote {}\n", wanted.output.string());
}

}  // namespace

void add_convert(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<convert_options>();
  CLI::App* command =
      app.add_subcommand("convert", "Events to the forms of other programs, or from stempy and binsparse files to a store");
  command->add_option("input", chosen->input, "An event store; with --to store, a stempy (v1 to v3) or binsparse CSR file")
      ->required();
  command->add_option("-o,--output", chosen->output, "The file to write")->required();
  command->add_option("--to", chosen->form, export_form_names("store"))->required();
  command->add_option("--scan", chosen->scan, "From binsparse: scan size WIDTHxHEIGHT[xFRAMES], where the file does not say");
  command->add_option("--shape", chosen->shape, "From binsparse: frame shape HEIGHTxWIDTH, where the file does not say");
  command->add_flag("--json", chosen->as_json, "Print one JSON object on stdout");
  command->callback([chosen, &ctx] { run(*chosen, ctx); });
}

}  // namespace countem::cli
