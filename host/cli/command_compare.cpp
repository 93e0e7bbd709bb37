// countem compare: counted events against the electrons that truly hit, or against another count of the same frames.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>

#include <countem/batch_frames.hpp>
#include <countem/compare.hpp>
#include <countem/detective_efficiency.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/scan_pictures.hpp>
#include <countem/simulate.hpp>
#include <countem/work.hpp>

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
  comparison_options options;
  std::uint64_t spectrum_frames = 0;  // 0: enough_spectrum_frames()
  fs::path pictures;
};

constexpr std::uint64_t frames_at_once = 1024;  // bounds memory

/// What events are compared with: a truth file, or another event store.
struct reference_events {
  std::string kind;
  scan_shape scan;
  frame_shape detector;
  double baseline_adu = 0;
  std::uint64_t electrons = 0;
  std::function<simulated_truth(std::uint64_t first, std::size_t count)> read;

  [[nodiscard]] bool of_electrons() const { return kind == "truth"; }
};

frame_shape detector_of(const store_description& store) {
  return {store.shape.height / store.options.upsample, store.shape.width / store.options.upsample};
}

reference_events from_truth_file(const fs::path& path) {
  const std::shared_ptr<truth_reader> file = open_truth(path);
  const simulation_options& made = file->options();
  return {"truth",           made.scan,
          made.frame,        made.baseline_adu,
          file->electrons(), [file](std::uint64_t first, std::size_t count) { return file->read(first, count); }};
}

reference_events from_event_store(const fs::path& path) {
  const std::shared_ptr<event_store> store = open_event_store(path);
  const store_description& description = store->description();
  const std::uint64_t in_all = std::accumulate(store->counts().begin(), store->counts().end(), std::uint64_t{0});
  return {
      "event store", description.scan, detector_of(description), 0, in_all, [store](std::uint64_t first, std::size_t count) {
        event_batch events;
        store->read(first, count, events);
        return as_truth(events, store->description().shape, store->description().options.upsample);
      }};
}

reference_events open_reference(const fs::path& path) {
  std::string not_truth;
  try {
    return from_truth_file(path);
  } catch (const format_error& reason) {
    not_truth = reason.what();
  }
  try {
    return from_event_store(path);
  } catch (const format_error& reason) {
    throw format_error(
        fmt::format("{} can be neither: as a truth file: {}; as an event store: {}", path.string(), not_truth, reason.what()));
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
  if (counted.scan != truth.scan || detector_of(counted) != truth.detector) {
    throw invalid_argument(fmt::format(
        "{} and {} are not of the same scan: {} x {} x {} frames of {} x {} pixels against {} x {} x {} of {} x {}",
        chosen.counted.string(), chosen.truth.string(), counted.scan.height, counted.scan.width,
        counted.scan.frames_per_position, detector_of(counted).height, detector_of(counted).width, truth.scan.height,
        truth.scan.width, truth.scan.frames_per_position, truth.detector.height, truth.detector.width));
  }
}

/// What one pass over both files finds.
struct findings {
  comparison pairs;
  std::optional<counting_spectrum> spectrum;  ///< none where the detector is too small for one
};

findings compare_all(const compare_arguments& chosen, const event_store& counted, const reference_events& truth) {
  const store_description& description = counted.description();
  const std::uint64_t frames = counted.frames();
  findings found;
  std::optional<detective_efficiency> sums;
  if (frames > 0 && has_spectrum(truth.detector)) {
    const std::uint64_t most =
        chosen.spectrum_frames == 0 ? enough_spectrum_frames(truth.electrons, frames) : chosen.spectrum_frames;
    sums.emplace(truth.detector, frames, most);
  }
  event_batch events;
  work comparing("comparing", "frames", frames);
  for (std::uint64_t first = 0; first < frames; first += events.frames()) {
    const auto count = static_cast<std::size_t>(batch_frames(counted.counts(), first, frames_at_once));
    counted.read(first, count, events);
    events.first_frame = first;
    const simulated_truth electrons = truth.read(first, count);
    compare(events, description.shape, description.options.upsample, electrons, chosen.options, found.pairs);
    if (sums) sums->add(events, description.shape, description.options.upsample, electrons);
    comparing.advance(count);
  }
  if (sums) found.spectrum = sums->spectrum();
  return found;
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
  chosen.options.detectable_adu = detectable_charge_adu(counted->description().calibrated, truth.baseline_adu);

  const findings found = compare_all(chosen, *counted, truth);
  ctx.warn_of(changed_inputs(read));
  if (!found.spectrum) ctx.warn("no DQE: the detector has fewer than 8 pixels along both axes");
  if (found.spectrum && !chosen.pictures.empty()) {
    write_png(picture_path(chosen), draw_spectrum(*found.spectrum, truth.of_electrons()), rules);
    ctx.wrote(picture_path(chosen));
  }
  if (ctx.json) {
    json object{{"counted", chosen.counted.string()},
                {"truth", chosen.truth.string()},
                {"truth_kind", truth.kind},
                {"radius_px", chosen.options.radius_px},
                {"detectable_adu", chosen.options.detectable_adu}};
    object.update(to_json(found.pairs));
    object.update(to_json(found.spectrum));
    ctx.print_json(object);
  } else {
    ctx.answer(text_of(found.pairs, chosen.options.radius_px) +
               (found.spectrum ? text_of(*found.spectrum, truth.of_electrons()) : ""));
  }
}

}  // namespace

void add_compare(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<compare_arguments>();
  CLI::App* command =
      app.add_subcommand("compare", "Compare counted events with the electrons that truly hit, or with another count");
  command->add_option("counted", chosen->counted, "Event store")->required();
  command->add_option("truth", chosen->truth, "Truth file of a simulation, or another event store")->required();
  command->add_option("--radius", chosen->options.radius_px, "How far apart an event and its electron may be, in pixels")
      ->capture_default_str();
  command
      ->add_option("--spectrum-frames", chosen->spectrum_frames,
                   "Frames, evenly spread, that DQE, MTF and NPS are found from; 0: those of about two million electrons")
      ->capture_default_str();
  command->add_option("--png", chosen->pictures, "Directory for a plot of DQE, MTF and NPS");
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { run_comparison(*chosen, ctx); });
}

}  // namespace countem::cli
