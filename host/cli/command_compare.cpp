// countem compare: counted events against the electrons that truly hit, or against another count of the same frames.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/scan_pictures.hpp>
#include <countem/simulate.hpp>
#include <countem/store_comparison.hpp>

#include "host/cli/command.hpp"
#include "host/cli/comparison_words.hpp"
#include "host/engine/line_plot.hpp"
#include "host/engine/picture.hpp"
#include "io/files/output_file.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct compare_arguments {
  fs::path counted;
  fs::path truth;
  store_comparison_options options;
  fs::path pictures;
};

/// What events are compared with: a truth file, or another event store.
struct reference_events {
  std::string kind;
  scan_shape scan;
  double baseline_adu = 0;
  reference_electrons electrons;

  [[nodiscard]] bool is_truth() const { return kind == "truth"; }
};

frame_shape detector_of(const store_description& store) {
  return {store.shape.height / store.options.upsample, store.shape.width / store.options.upsample};
}

reference_events from_truth_file(const fs::path& path) {
  const std::shared_ptr<truth_reader> file = open_truth(path);
  const simulation_options& made = file->options();
  const auto read = [file](std::uint64_t first, std::size_t count) { return file->read(first, count); };
  return {"truth", made.scan, made.baseline_adu, {made.frame, file->electrons(), read}};
}

reference_events from_event_store(const fs::path& path) {
  const std::shared_ptr<event_store> store = open_event_store(path);
  const store_description& description = store->description();
  const std::uint64_t in_all = std::accumulate(store->counts().begin(), store->counts().end(), std::uint64_t{0});
  const auto read = [store](std::uint64_t first, std::size_t count) {
    event_batch events;
    store->read(first, count, events);
    return as_truth(events, store->description().shape, store->description().options.upsample);
  };
  return {"event store", description.scan, 0, {detector_of(description), in_all, read}};
}

reference_events open_reference(const fs::path& path) {
  try {
    return from_truth_file(path);
  } catch (const other_kind_error&) {
    return from_event_store(path);
  }
}

/// Charge that an electron must exceed to make a hit. Without a dark reference the threshold lies on the raw scale.
double detectable_charge_adu(const calibration& used, double baseline_adu) {
  const std::int32_t lowest = used.pixel_background16.empty()
                                  ? used.background16
                                  : *std::min_element(used.pixel_background16.begin(), used.pixel_background16.end());
  const double threshold = static_cast<double>(lowest) / charge_units_per_adu;
  return std::max(0.0, used.dark16.empty() ? threshold - baseline_adu : threshold);
}

void require_same_scan(const compare_arguments& chosen, const store_description& counted, const reference_events& truth) {
  if (counted.scan != truth.scan || detector_of(counted) != truth.electrons.detector) {
    throw invalid_argument(fmt::format(
        "{} and {} are not of the same scan: {} x {} x {} frames of {} x {} pixels against {} x {} x {} of {} x {}",
        chosen.counted.string(), chosen.truth.string(), counted.scan.height, counted.scan.width,
        counted.scan.frames_per_position, detector_of(counted).height, detector_of(counted).width, truth.scan.height,
        truth.scan.width, truth.scan.frames_per_position, truth.electrons.detector.height, truth.electrons.detector.width));
  }
}

picture draw_spectrum(const counting_spectrum& found, bool of_electrons) {
  plot_line efficiency{of_electrons ? "DQE" : "squared coherence", {}, {}, {20, 84, 150}};
  plot_line modulation{"MTF", {}, {}, {196, 78, 32}};
  plot_line noise_power{"NPS per event", {}, {}, {52, 130, 80}};
  for (const spectrum_point& at : found.points) {
    for (plot_line* line : {&efficiency, &modulation, &noise_power}) line->x.push_back(at.frequency);
    efficiency.y.push_back(at.efficiency);
    modulation.y.push_back(found.modulation(at));
    noise_power.y.push_back(at.noise_power);
  }
  const plot_line lines[] = {efficiency, modulation, noise_power};
  return draw_line_plot(lines, {"Counting quality", "spatial frequency (of the Nyquist frequency)", "DQE, MTF, NPS"});
}

fs::path picture_path(const compare_arguments& chosen) {
  return chosen.pictures / (chosen.counted.stem().string() + "_dqe.png");
}

void run_comparison(compare_arguments& chosen, context& ctx) {
  const input_file read[] = {input_now(chosen.counted), input_now(chosen.truth)};
  const output_rules rules = ctx.rules({chosen.counted, chosen.truth});
  if (!chosen.pictures.empty()) {
    io::make_folder(chosen.pictures);
    check_output(picture_path(chosen), png_output, rules);
  }
  const std::unique_ptr<event_store> counted = open_event_store(chosen.counted);
  const reference_events truth = open_reference(chosen.truth);
  require_same_scan(chosen, counted->description(), truth);
  chosen.options.pairs.detectable_adu = detectable_charge_adu(counted->description().calibrated, truth.baseline_adu);

  const store_comparison found = compare_store(*counted, truth.electrons, chosen.options);
  ctx.warn_of(changed_inputs(read));
  if (!found.spectrum) ctx.warn("no DQE: the detector has fewer than 8 pixels along both axes");
  if (found.spectrum && !chosen.pictures.empty()) {
    write_png(picture_path(chosen), draw_spectrum(*found.spectrum, truth.is_truth()), rules);
    ctx.wrote(picture_path(chosen));
  }
  if (ctx.json) {
    json object{{"counted", chosen.counted.string()},
                {"truth", chosen.truth.string()},
                {"truth_kind", truth.kind},
                {"radius_px", chosen.options.pairs.radius_px},
                {"detectable_adu", chosen.options.pairs.detectable_adu}};
    object.update(to_json(found.pairs));
    object.update(to_json(found.spectrum));
    ctx.print_json(object);
  } else {
    ctx.answer(text_of(found.pairs, chosen.options.pairs.radius_px) +
               (found.spectrum ? text_of(*found.spectrum, truth.is_truth()) : ""));
  }
}

}  // namespace

void add_compare(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<compare_arguments>();
  CLI::App* command =
      app.add_subcommand("compare", "Compare counted events with the electrons that truly hit, or with another count");
  command->add_option("counted", chosen->counted, "Event store")->required();
  command->add_option("truth", chosen->truth, "Truth file of a simulation, or another event store")->required();
  command->add_option("--radius", chosen->options.pairs.radius_px, "How far apart an event and its electron may be, in pixels")
      ->capture_default_str();
  command
      ->add_option("--spectrum-frames", chosen->options.spectrum_frames,
                   "Frames, evenly spread, that DQE, MTF and NPS are found from; 0: those of about two million electrons")
      ->capture_default_str();
  command->add_option("--png", chosen->pictures, "Directory for a plot of DQE, MTF and NPS");
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { run_comparison(*chosen, ctx); });
}

}  // namespace countem::cli
