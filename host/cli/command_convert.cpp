// countem convert: events to and from the forms of other programs.
#include <filesystem>
#include <memory>
#include <optional>

#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "host/cli/command.hpp"
#include "host/cli/folding_arguments.hpp"
#include "host/cli/source_arguments.hpp"
#include "host/cli/store_facts.hpp"

namespace countem::cli {

namespace {

struct convert_options {
  std::filesystem::path input;
  std::filesystem::path output;
  std::string form;
  folding_arguments fold;
  std::string shape;
  std::optional<double> dwell_us;
  std::optional<double> cluster_ns;
};

void import_store(const convert_options& wanted, context& ctx) {
  import_options options;
  options.command_line = ctx.command_line;
  if (!wanted.fold.scan().empty()) options.scan = scan_from(wanted.fold.scan());
  if (!wanted.fold.path().is_plain())
    throw invalid_argument(wanted.input.string() +
                           ": is no event store: make one of it first, then fold it (--skip, --flyback, --snake)");
  if (!wanted.shape.empty()) options.frame = shape_from(wanted.shape);
  options.dwell_us = wanted.dwell_us;
  options.cluster_ns = wanted.cluster_ns;
  ctx.warn_of(import_events(wanted.input, wanted.output, options, ctx.rules({wanted.input})));
}

bool is_store(const std::filesystem::path& input) {
  try {
    static_cast<void>(open_event_store(input));
    return true;
  } catch (const other_kind_error&) {
    return false;
  }
}

void run(const convert_options& wanted, context& ctx) {
  std::vector<std::string> lost;
  const bool to_store = wanted.form.empty() || wanted.form == "store";
  const bool has_times = wanted.dwell_us || wanted.cluster_ns;
  const bool from_store = to_store && is_store(wanted.input);
  if (wanted.form.empty() && from_store && !wanted.fold.is_given())
    throw invalid_argument("--to is required, unless a store is folded into another scan (--scan, --skip, --flyback, --snake)");
  if (has_times && (from_store || !to_store)) throw invalid_argument("--dwell and --cluster-time are for TPX3 files");
  if (from_store && wanted.fold.is_given()) {
    ctx.warn_of(fold_event_store(wanted.input, wanted.output, wanted.fold.wanted(), ctx.command_line, ctx.rules({wanted.input}))
                    .issues);
  } else if (to_store) {
    import_store(wanted, ctx);
  } else {
    const export_format form = export_format_from(wanted.form);
    const output_rules rules = ctx.rules({wanted.input});
    check_output(wanted.output, export_output(form), rules);
    const std::unique_ptr<event_store> store = wanted.fold.folded(open_event_store(wanted.input), wanted.input, ctx);
    lost = export_events(*store, wanted.output, form, rules);
    ctx.warn_of(changed_inputs(store->files()));
  }
  ctx.wrote(wanted.output);
  for (const std::string& note : lost) ctx.keep_warning(note);
  if (ctx.json) {
    const std::unique_ptr<event_store> store = open_event_store(to_store ? wanted.output : wanted.input);
    ctx.print_json({{"input", wanted.input.string()},
                    {"output", wanted.output.string()},
                    {"to", to_store ? "store" : wanted.form},
                    {"frames", store->frames()},
                    {"events", events_in(*store)},
                    {"bytes", std::filesystem::file_size(wanted.output)},
                    {"notes", lost}});
    return;
  }
  for (const std::string& note : lost) ctx.inform("countem: note: {}", note);
  ctx.inform("wrote {}", wanted.output.string());
}

/// "{stempy,csr,...,store}": the words of --to for help and completion.
std::string form_words() {
  std::string words = "{";
  for (const export_form& form : export_forms()) words += std::string(form.name) + ",";
  return words + "store}";
}

}  // namespace

void add_convert(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<convert_options>();
  CLI::App* command =
      app.add_subcommand("convert",
                         "Events to the forms of other programs, from EER, TPX3, stempy and binsparse files to a store, or "
                         "a store to another scan size");
  command
      ->add_option("input", chosen->input,
                   "An event store; or what a store is made of: an EER, TPX3, stempy (v1 to v3) or binsparse CSR file")
      ->required();
  command->add_option("-o,--output", chosen->output, "The file to write")->required();
  command->add_option("--to", chosen->form, export_form_names("store"))->type_name(form_words());
  chosen->fold.add_to(*command, "Input");
  command->get_option("--scan")->description(
      "Scan size WIDTHxHEIGHT[xFRAMES] into which the frames of a store are folded; from EER, TPX3 and binsparse, where the "
      "file "
      "does "
      "not say");
  command->add_option("--shape", chosen->shape, "From binsparse: frame shape HEIGHTxWIDTH, where the file does not say")
      ->group("Input");
  command
      ->add_option("--dwell", chosen->dwell_us,
                   "From TPX3: microseconds at each position, where marks begin lines; without it, each mark begins a position")
      ->check(CLI::Range(1e-3, 1e9))
      ->group("Input");
  command->add_option("--cluster-time", chosen->cluster_ns, "From TPX3: nanoseconds within which hits are one electron [200]")
      ->check(CLI::Range(0.0, 1e6))
      ->group("Input");
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { run(*chosen, ctx); });
}

}  // namespace countem::cli
