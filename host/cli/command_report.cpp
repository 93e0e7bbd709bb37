// countem report: a counted scan as one page for a browser.
#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include <countem/error.hpp>
#include <countem/pipeline.hpp>
#include <countem/version.hpp>

#include "host/cli/beam_words.hpp"
#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"
#include "host/cli/deflection_arguments.hpp"
#include "host/cli/dose_words.hpp"
#include "host/cli/folding_arguments.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/report/frame_code.hpp"
#include "host/cli/report/page.hpp"
#include "host/cli/source_arguments.hpp"
#include "host/cli/store_facts.hpp"
#include "io/files/file.hpp"
#include "io/files/output_file.hpp"

namespace countem::cli {

namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

/// What the description of the frames adds to a page, their number and sizes apart.
constexpr std::uint64_t frame_description_bytes = 1024;
constexpr const char* page_mark = "<meta name=\"generator\" content=\"countem report\">";

struct report_arguments {
  fs::path input;
  fs::path output;
  folding_arguments fold;
  fs::path counted;
  std::string title;
  std::vector<std::string> detectors;
  std::vector<fs::path> excluded;
  std::string centre = "auto";
  rotation_arguments rotation;
  double limit_mb = 15;
  double pixel_mrad = 0;
  double step_nm = 0;
  dose_conditions recorded;
  bool skip_incomplete = false;
  backend where = backend::automatic;
  unsigned threads = 0;
};

/// A page that this command wrote is marked near its beginning.
bool is_report(const fs::path& path) try {
  constexpr std::size_t head_bytes = 2048;
  constexpr std::size_t end_bytes = 64;
  return io::first_bytes(path, head_bytes).find(page_mark) != std::string::npos &&
         io::last_bytes(path, end_bytes).find("</html>") != std::string::npos;
} catch (const format_error&) {
  return false;
}

constexpr output_kind report_output{"a report page", is_report};

json load_counted(const fs::path& path) {
  if (path.empty()) return nullptr;
  const io::file_handle file = io::file_handle::open_read(path);
  std::string text(file.size(), '\0');
  text.resize(file.read_at(0, text.data(), text.size()));
  json told = json::parse(text, nullptr, false);
  if (!told.is_object() || !told.contains("frames_per_s") || !told["frames_per_s"].is_number()) {
    throw format_error(path.string() + ": is not what countem count --json printed");
  }
  return told;
}

void write_page(const fs::path& path, const std::string& page, const output_rules& rules) {
  io::output_file output(path, report_output, rules);
  output.file().write_at(0, page.data(), page.size());
  output.finish();
}

std::optional<double> if_given(double value) {
  return value > 0 ? std::optional(value) : std::nullopt;
}

/// One sentence about the frames that the page carries, and about those of `scan` that it leaves out. `finest`: what the page
/// can carry at most.
std::string embedded_words(const std::optional<report::embedded_frames>& frames, const scan_shape& scan,
                           const report::frame_choice& finest) {
  if (!frames) return "no frames embedded: they do not fit, raise --limit";
  const std::uint64_t embedded = std::uint64_t{frames->rows.count} * frames->columns.count;
  std::string words = fmt::format("frames of {} positions embedded", with_separators(embedded));
  if (frames->choice.stride > 1) {
    words += fmt::format(", one of each {0} x {0}: those of {1} positions are left out", frames->choice.stride,
                         with_separators(scan.positions() - embedded));
  }
  if (frames->choice.bin > 1) words += fmt::format(", {0} x {0} pixels as one", frames->choice.bin);
  if (finest.stride > 1 && frames->choice.stride == finest.stride)
    words += fmt::format("; maps of a page have {} positions at most, a higher --limit adds none",
                         with_separators(report::most_map_cells));
  return words;
}

deflection_options axes_of(const rotation_arguments& wanted) {
  reduction_plan plan = empty_plan();
  add_item(plan, "com");
  for (const std::string& item : wanted.items()) add_item(plan, item);
  validate(plan);
  return plan.deflections;
}

json rotation_json(const report::shown_axes& axes) {
  const found_rotation& found = axes.found;
  const auto number = [](double value) { return std::isfinite(value) ? json(value) : json(nullptr); };
  return {{"found", found.is_found},
          {"degrees", found.is_found ? json(found.rotation.degrees) : json(nullptr)},
          {"error_degrees", number(found.standard_error_degrees)},
          {"flip", found.is_found ? json(found.rotation.flip) : json(nullptr)},
          {"flip_found", found.flip_is_found},
          {"sign_found", found.sign_is_found},
          {"turned", axes.is_turned}};
}

report::content_options content_of(const report_arguments& wanted, const store_description& described, context& ctx) {
  report::content_options options;
  const double pixel_mrad = wanted.pixel_mrad > 0 ? wanted.pixel_mrad : described.geometry.pixel_mrad;
  for (const std::string& text : wanted.detectors)
    options.detectors.push_back({text, in_pixels(parse_detector(text), pixel_mrad)});
  options.excluded = read_excluded(wanted.excluded, described.shape);
  options.beam = centre_from(wanted.centre, described, wanted.threads);
  options.axes = axes_of(wanted.rotation);
  options.incomplete = wanted.skip_incomplete ? incomplete_frames::skip : incomplete_frames::keep;
  options.where = choose_backend(wanted.where).used;
  options.reading.threads = wanted.threads;
  options.reading.stop = &ctx.stop;
  return options;
}

report::page_facts facts_of(const report_arguments& wanted, const store_description& described, backend used, context& ctx) {
  report::page_facts facts;
  facts.title = wanted.title.empty() ? wanted.input.filename().string() : wanted.title;
  facts.program = std::string("countem ") + version;
  facts.command_line = ctx.command_line;
  facts.backend = to_string(used);
  facts.store_bytes = fs::file_size(wanted.input);
  facts.pixel_mrad = if_given(wanted.pixel_mrad > 0 ? wanted.pixel_mrad : described.geometry.pixel_mrad);
  facts.step_nm = if_given(wanted.step_nm > 0 ? wanted.step_nm : described.geometry.scan_step_nm);
  facts.counted = load_counted(wanted.counted);
  return facts;
}

json dose_of(const report_arguments& wanted, const store_description& described, const report::scan_content& content,
             context& ctx) {
  dose_conditions recorded = wanted.recorded;
  recorded.step_nm = wanted.step_nm > 0 ? wanted.step_nm : described.geometry.scan_step_nm;
  if (!recorded.is_given()) return nullptr;
  const auto& [events, frames] = content.exposed;
  const electron_dose dose = dose_of_store(static_cast<double>(events), frames, described, recorded);
  ctx.inform("{}", dose_words(dose, recorded));
  return dose_json(dose, recorded);
}

void inform_of(const report::scan_content& content, bool find_rotation, context& ctx) {
  if (content.centre_guess) ctx.warn(guess_warning(content.centre_from, "--centre"));
  const report::shown_axes& axes = content.centres.axes;
  if (!find_rotation) return;
  if (axes.is_turned) {
    ctx.inform("scan rotation: {}", describe(axes.found));
  } else {
    ctx.warn("scan rotation: " + describe(axes.found) + "; detector axes are kept");
  }
}

void run(const report_arguments& wanted, context& ctx) {
  const auto start = std::chrono::steady_clock::now();
  const std::unique_ptr<event_store> store = wanted.fold.folded(open_event_store(wanted.input), wanted.input, ctx);
  output_rules rules = ctx.rules({wanted.input});
  if (!wanted.counted.empty()) rules.inputs.push_back(wanted.counted);
  rules.inputs.insert(rules.inputs.end(), wanted.excluded.begin(), wanted.excluded.end());
  add_centre_file(rules, wanted.centre);
  check_output(wanted.output, report_output, rules);
  const store_description& described = store->description();
  const report::content_options options = content_of(wanted, described, ctx);
  report::page_facts facts = facts_of(wanted, described, options.where, ctx);

  const auto limit_bytes = static_cast<std::uint64_t>(wanted.limit_mb * 1e6);
  report::frame_costs costs(described.shape, described.scan, report::cell_of(described.scan, described.shape), limit_bytes);
  const report::scan_content content = report::compute_content(*store, options, costs);
  facts.dose = dose_of(wanted, described, content, ctx);
  const std::uint64_t rest = report::make_page(described, content, facts, std::nullopt).size() + frame_description_bytes;
  std::optional<report::embedded_frames> frames;
  if (rest < limit_bytes) {
    if (const auto choice = costs.choose(limit_bytes - rest)) {
      frames = report::embed_frames(*store, *choice, options.reading);
    }
  }
  const std::string page = report::make_page(described, content, facts, frames);
  write_page(wanted.output, page, rules);

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ctx.warn_of(changed_inputs(store->files()));
  if (page.size() > limit_bytes) ctx.warn("the page is larger than --limit even without frames");
  inform_of(content, options.axes.find_rotation, ctx);
  ctx.inform("wrote {} ({}, {}, {:.2f} s)", wanted.output.string(), human_bytes(page.size()),
             embedded_words(frames, described.scan, report::cell_of(described.scan, described.shape)), seconds);
  ctx.wrote(wanted.output);
  if (ctx.json) {
    json told{{"output", wanted.output.string()},
              {"bytes", page.size()},
              {"events", content.events},
              {"incomplete_frames", content.arrived.complete.incomplete},
              {"missing_frames", content.arrived.complete.never_arrived},
              {"arrived_share", content.arrived.share},
              {"centre", beam_json(content.centre_from)},
              {"scan_rotation", rotation_json(content.centres.axes)},
              {"dose", facts.dose},
              {"embedded_frames", frames ? json{{"stride", frames->choice.stride},
                                                {"bin", frames->choice.bin},
                                                {"frames", std::uint64_t{frames->rows.count} * frames->columns.count}}
                                         : json(nullptr)},
              {"seconds", seconds}};
    ctx.print_json(told);
  }
}

}  // namespace

void add_report(CLI::App& app, context& ctx) {
  auto wanted = std::make_shared<report_arguments>();
  CLI::App* command = app.add_subcommand("report", "A counted scan as one page for a browser, without network");
  command->add_option("input", wanted->input, "Event store")->required();
  command->add_option("-o,--output", wanted->output, "HTML file to write")->required();
  wanted->fold.add_to(*command, "Folding");
  command->add_option("--title", wanted->title, "Title of the page; default: the store's name");
  command->add_option("--virtual", wanted->detectors,
                      "Virtual detectors instead of the usual four: disk:R, annulus:R1,R2, wedge:R1,R2,FROM,TO, each with "
                      "@ROW,COLUMN to move it");
  command->add_option("--exclude", wanted->excluded,
                      "Images of the detector whose pixels that are not 0 count in no detector, ring or centre of mass");
  command
      ->add_option("--centre", wanted->centre,
                   "Centre of the detectors: ROW,COLUMN; auto: the beam on the sum; or a vacuum scan's store or image")
      ->capture_default_str();
  wanted->rotation.add_to(*command);
  command
      ->add_option("--pixel-mrad", wanted->pixel_mrad,
                   "Scattering angle per detector pixel in mrad, for scale bars and radii in mrad")
      ->check(CLI::Range(1e-9, 1e9));
  command
      ->add_option("--scan-step,--step-nm", wanted->step_nm,
                   "Distance of scan positions in nm, for the scale bars and the dose")
      ->check(CLI::Range(1e-9, 1e9));
  add_dose_options(*command, wanted->recorded);
  command->add_option("--count-json", wanted->counted, "What countem count --json printed: the page then shows its speed");
  command->add_option("--limit", wanted->limit_mb, "Size of the page in MB; frames that do not fit are thinned out")
      ->check(CLI::Range(0.1, 2000.0))
      ->capture_default_str();
  command->add_flag("--skip-incomplete", wanted->skip_incomplete,
                    "Frames that lack a sector count as frames without electrons");
  add_choice(*command, "--backend", wanted->where, "Where to reduce");
  command->add_option("--threads", wanted->threads, "Worker threads; 0: all cores")->capture_default_str();
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([wanted, &ctx] { run(*wanted, ctx); });
}

}  // namespace countem::cli
