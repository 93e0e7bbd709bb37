// countem calibrate: thresholds, dark reference and mask from the data, as a file.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include <countem/calibrate.hpp>
#include <countem/calibration_figures.hpp>
#include <countem/error.hpp>
#include <countem/frame_source.hpp>
#include <countem/scan_pictures.hpp>
#include <countem/threshold_sweep.hpp>

#include "host/cli/advice.hpp"
#include "host/cli/calibration_arguments.hpp"
#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/source_arguments.hpp"
#include "host/engine/robust.hpp"
#include "io/files/output_file.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

struct calibrate_options {
  source_arguments inputs;
  calibration_arguments calibration;
  counting_options counting;  ///< what the thresholds are for
  bool dark_only = false;
  std::string sweep;
  std::filesystem::path pictures;
  std::filesystem::path output;
  unsigned threads = 0;
};

bool usable(const calibration& found, std::size_t pixel) {
  return found.mask.empty() || found.mask[pixel] == 0;
}

/// Mean dark level of the usable pixels.
double dark_level_adu(const calibration& found) {
  double sum = 0;
  double pixels = 0;
  for (std::size_t p = 0; p < found.dark16.size(); ++p) {
    if (!usable(found, p)) continue;
    sum += found.dark16[p];
    ++pixels;
  }
  return sum / (pixels * charge_units_per_adu);
}

/// Median temporal noise of the usable pixels.
double dark_noise_adu(const calibration& found) {
  std::vector<float> sigmas;
  for (std::size_t p = 0; p < found.dark_sigma_adu.size(); ++p) {
    if (usable(found, p) && std::isfinite(found.dark_sigma_adu[p])) sigmas.push_back(found.dark_sigma_adu[p]);
  }
  return engine::median(sigmas);
}

std::ptrdiff_t masked(const calibration& found, unsigned reasons) {
  return std::count_if(found.mask.begin(), found.mask.end(), [&](std::uint8_t mask) { return (mask & reasons) != 0; });
}

double adu(std::int32_t charge) {
  return static_cast<double>(charge) / charge_units_per_adu;
}

/// Up to the last charge.
json histogram_json(const noise_fit& fit) {
  const auto last = std::find_if(fit.histogram.rbegin(), fit.histogram.rend(), [](std::uint64_t count) { return count != 0; });
  return {{"first_adu", fit.histogram_first_adu},
          {"step_adu", fit.histogram_step_adu},
          {"counts", std::vector(fit.histogram.begin(), last.base())}};
}

json curve_json(const threshold_curve& curve) {
  if (curve.charges.empty()) return nullptr;
  return {{"first_adu", curve.first_adu},
          {"step_adu", curve.step_adu},
          {"beyond", curve.charges},
          {"mirrored_beyond", curve.noise}};
}

json describe(const calibration& found, frame_shape shape) {
  json told{{"frame", {{"height", shape.height}, {"width", shape.width}}}, {"dark_frames", found.dark_frames}};
  told["dark_level_adu"] = found.dark16.empty() ? json(nullptr) : json(dark_level_adu(found));
  told["dark_noise_adu"] = found.dark_sigma_adu.empty() ? json(nullptr) : json(dark_noise_adu(found));
  told["gain_reference"] = !found.gain.empty();
  told["masked_pixels"] = {{"total", masked(found, 0xff)},     {"hot", masked(found, mask_hot)},
                           {"dead", masked(found, mask_dead)}, {"blinking", masked(found, mask_blinking)},
                           {"gain", masked(found, mask_gain)}, {"given", masked(found, mask_given)}};
  if (found.fit) {
    const noise_fit& fit = *found.fit;
    told["sampled_frames"] = fit.frames.size();
    told["seed"] = fit.seed;
    told["sample_mean_adu"] = fit.sample_mean_adu;
    told["sample_sigma_adu"] = fit.sample_sigma_adu;
    told["noise_mean_adu"] = fit.mean_adu;  // null where there is no peak to fit
    told["noise_sigma_adu"] = fit.sigma_adu;
    told["background_sigmas"] = fit.background_sigmas;
    told["histogram"] = histogram_json(fit);
    told["curve"] = curve_json(fit.curve);
    told["false_hits_per_frame"] = fit.expected ? json(fit.expected->per_frame) : json(nullptr);
    told["false_hits_share"] = fit.expected ? json(fit.expected->share) : json(nullptr);
  }
  if (found.references_only) return told;
  told["background_threshold_adu"] = adu(found.background16);
  if (found.score16) told["score_threshold_adu"] = static_cast<double>(*found.score16) / charge_units_per_adu;
  if (!found.pixel_background16.empty()) {
    const auto [lowest, highest] = std::minmax_element(found.pixel_background16.begin(), found.pixel_background16.end());
    told["pixel_thresholds_adu"] = {{"lowest", adu(*lowest)}, {"highest", adu(*highest)}};
  }
  told["xray_threshold_adu"] = found.xray16 == no_xray_threshold ? json(nullptr) : json(adu(found.xray16));
  return told;
}

void print_references(const json& told, const context& ctx) {
  if (told["dark_level_adu"].is_null()) {
    ctx.inform("dark reference   none: thresholds are on the raw scale");
  } else {
    const json& noise = told["dark_noise_adu"];
    ctx.inform("dark reference   level {:.2f} ADU, {} frames{}", told["dark_level_adu"].get<double>(),
               with_separators(told["dark_frames"].get<std::uint64_t>()),
               noise.is_null() ? std::string() : fmt::format(", noise {:.2f} ADU", noise.get<double>()));
  }
  if (told["gain_reference"].get<bool>()) ctx.inform("gain reference   applied");
  const json& pixels = told["masked_pixels"];
  const auto number = [&](const char* reason) { return with_separators(pixels[reason].get<std::uint64_t>()); };
  ctx.inform("masked pixels    {}: {} hot, {} dead, {} blinking, {} without gain, {} given", number("total"), number("hot"),
             number("dead"), number("blinking"), number("gain"), number("given"));
}

void print_thresholds(const json& told, const context& ctx) {
  const bool fitted = told.contains("noise_mean_adu") && std::isfinite(told["noise_mean_adu"].get<double>());
  if (fitted) {
    ctx.inform("noise            {:.3f} ADU around {:.3f} ADU, in {} frames", told["noise_sigma_adu"].get<double>(),
               told["noise_mean_adu"].get<double>(), with_separators(told["sampled_frames"].get<std::uint64_t>()));
  }
  if (told.contains("false_hits_share") && !told["false_hits_share"].is_null()) {
    ctx.inform("expected         {:.4g} false events per frame, {:.2g} % of all", told["false_hits_per_frame"].get<double>(),
               100 * told["false_hits_share"].get<double>());
  }
  const bool of_pixels = told.contains("pixel_thresholds_adu");
  ctx.inform("{}above {:.4g} ADU{}{}", told.contains("score_threshold_adu") ? "candidates       " : "threshold        ",
             told["background_threshold_adu"].get<double>(),
             fitted && !told.contains("score_threshold_adu")
                 ? fmt::format(", {:.3g} sigma", told["background_sigmas"].get<double>())
                 : std::string(),
             of_pixels ? fmt::format(", for each pixel up to {:.4g} ADU", told["pixel_thresholds_adu"]["highest"].get<double>())
                       : std::string());
  if (told.contains("score_threshold_adu"))
    ctx.inform("score threshold  above {:.5g} ADU", told["score_threshold_adu"].get<double>());
  if (told["xray_threshold_adu"].is_null()) {
    ctx.inform("X-ray threshold  none");
  } else {
    ctx.inform("X-ray threshold  from {:.5g} ADU", told["xray_threshold_adu"].get<double>());
  }
}

/// What does not stop us but should be known: of the files, of the calibration, and of the sample.
json notes(const calibration& found, const source_info& frames, std::uint32_t samples_asked) {
  json told = json::array();
  for (const source_issue& issue : frames.issues) told.push_back(sentence(issue));
  for (const source_issue& note : found.notes) told.push_back(sentence(note));
  if (found.fit && found.fit->frames.size() < samples_asked) {
    told.push_back(fmt::format("only {} frames arrived where {} samples were asked for: all of them were used",
                               found.fit->frames.size(), samples_asked));
  }
  return told;
}

json sweep_json(const std::vector<swept_threshold>& swept) {
  json told = json::array();
  for (const swept_threshold& one : swept) {
    told.push_back({{"sigmas", one.sigmas},
                    {"threshold_adu", one.threshold_adu},
                    {"events_per_frame", one.events},
                    {"false_events_per_frame", one.false_events ? json(*one.false_events) : json(nullptr)},
                    {"pixels_per_event", std::isfinite(one.pixels) ? json(one.pixels) : json(nullptr)}});
  }
  return told;
}

void print_sweep(const std::vector<swept_threshold>& swept, const context& ctx) {
  ctx.inform("{:>6}  {:>9}  {:>12}  {:>12}  {:>12}", "sigma", "ADU", "events", "false events", "pixels/event");
  for (const swept_threshold& one : swept) {
    ctx.inform("{:>6.4g}  {:>9.2f}  {:>12.2f}  {:>12}  {:>12}", one.sigmas, one.threshold_adu, one.events,
               one.false_events ? fmt::format("{:.2f}", *one.false_events) : "unknown",
               std::isfinite(one.pixels) ? fmt::format("{:.2f}", one.pixels) : "none");
  }
}

/// The calibration is written, and what there is about it printed.
void report(const calibration& found, json told, const calibrate_options& chosen, const output_rules& rules, context& ctx) {
  save_calibration(found, chosen.output, rules);
  std::vector<std::filesystem::path> figures;
  if (!chosen.pictures.empty()) figures = write_calibration_figures(found, chosen.output, chosen.pictures, rules);
  told["calibration"] = chosen.output.string();
  for (const json& note : told["notes"]) ctx.warn(note.get<std::string>());
  ctx.wrote(chosen.output);
  for (const std::filesystem::path& figure : figures) ctx.wrote(figure);
  if (ctx.json) return ctx.print_json(told);
  print_references(told, ctx);
  if (!found.references_only) print_thresholds(told, ctx);
}

void run_calibrate_darks(const calibrate_options& chosen, context& ctx) {
  if (!chosen.inputs.inputs().empty() || !chosen.sweep.empty())
    throw invalid_argument("--dark-only takes no frames of a scan and no --sweep, which counts such frames: leave one out");
  const output_rules rules = ctx.rules(paths_of({}, chosen.calibration.files(chosen.inputs)));
  check_output(chosen.output, calibration_output, rules);
  const calibration found = chosen.calibration.references_alone(chosen.inputs, chosen.threads, ctx.stop);
  json told = describe(found, found.shape);
  told["notes"] = json::array();
  report(found, std::move(told), chosen, rules, ctx);
  if (!ctx.json) ctx.inform("written          {}; each scan counted with it finds its own thresholds", chosen.output.string());
}

void run_calibrate(const calibrate_options& chosen, context& ctx) {
  if (chosen.dark_only) return run_calibrate_darks(chosen, ctx);
  const std::optional<sweep_range> range = chosen.sweep.empty() ? std::nullopt : std::optional(parse_sweep(chosen.sweep));
  const auto frames = open_source(chosen.inputs.inputs(), chosen.inputs.options());
  const output_rules rules = ctx.rules(paths_of(frames->info().files, chosen.calibration.files(chosen.inputs)));
  check_output(chosen.output, calibration_output, rules);
  if (!chosen.pictures.empty()) {
    io::make_folder(chosen.pictures);
    for (const std::filesystem::path& figure : calibration_figure_names(chosen.output, chosen.pictures))
      check_output(figure, png_output, rules);
  }
  const calibration found =
      chosen.calibration.resolve(*frames, chosen.counting, chosen.inputs, chosen.threads, ctx.force, ctx.stop);
  json told = describe(found, frames->info().shape);
  told["method"] = word_of(chosen.counting.method);
  told["notes"] = notes(found, frames->info(), chosen.calibration.samples());
  std::vector<swept_threshold> swept;
  if (range) swept = sweep_thresholds(*frames, found, chosen.counting, *range, chosen.threads);
  if (range) told["sweep"] = sweep_json(swept);
  report(found, std::move(told), chosen, rules, ctx);
  if (ctx.json) return;
  if (range) print_sweep(swept, ctx);
  ctx.inform("written          {}", chosen.output.string());
}

}  // namespace

void add_calibrate(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<calibrate_options>();
  CLI::App* command = app.add_subcommand("calibrate", "Find thresholds, dark reference and bad pixels from the data itself");
  chosen->inputs.add_to(*command, false);
  chosen->calibration.add_making_to(*command);
  add_choice(*command, "--method", chosen->counting.method, "How hits will become events: what the thresholds are for");
  add_choice(*command, "--background", chosen->counting.background, "What counting will subtract from all charges of a frame");
  command
      ->add_flag("--dark-only", chosen->dark_only,
                 "References without thresholds, for many scans: each finds its own when it is counted; takes no INPUT")
      ->group("Calibration");
  command->add_option("--sweep", chosen->sweep,
                      "Count the sampled frames with thresholds of so many sigmas, as 3:6:0.25, and print what each gives");
  command->add_option("--png", chosen->pictures,
                      "Directory for figures of the histogram and of what lies beyond each threshold");
  command->add_option("-o,--output", chosen->output, "Calibration file to write (HDF5)")->required();
  command->add_option("--threads", chosen->threads, "Threads; 0: all cores")->capture_default_str();
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, command, &ctx] {
    // Darks that swallowed the frames of a scan would be averaged with them.
    CLI::Option* const input = command->get_option("INPUT");
    input->required(!chosen->dark_only);
    if (input->get_required() && input->count() == 0) throw CLI::RequiredError("INPUT");
    run_calibrate(*chosen, ctx);
  });
}

}  // namespace countem::cli
