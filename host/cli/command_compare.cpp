// countem compare: counted events against the electrons that truly hit, or against another count of the same frames.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>

#include <countem/compare.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/simulate.hpp>

#include "host/cli/command.hpp"
#include "host/cli/progress.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct compare_arguments {
  fs::path counted;
  fs::path truth;
  comparison_options options;
};

constexpr std::uint64_t frames_at_once = 1024;  // bounds memory

/// What events are compared with: a truth file, or another event store.
struct reference_events {
  std::string kind;
  scan_shape scan;
  frame_shape detector;
  double baseline_adu = 0;
  std::function<simulated_truth(std::uint64_t first, std::size_t count)> read;
};

frame_shape detector_of(const store_description& store) {
  return {store.shape.height / store.options.upsample, store.shape.width / store.options.upsample};
}

reference_events from_truth_file(const fs::path& path) {
  const std::shared_ptr<truth_reader> file = open_truth(path);
  const simulation_options& made = file->options();
  return {"truth", made.scan, made.frame, made.baseline_adu,
          [file](std::uint64_t first, std::size_t count) { return file->read(first, count); }};
}

reference_events from_event_store(const fs::path& path) {
  const std::shared_ptr<event_store> store = open_event_store(path);
  const store_description& description = store->description();
  return {"event store", description.scan, detector_of(description), 0, [store](std::uint64_t first, std::size_t count) {
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

/// A number, or null where there is none.
json number(double value) {
  return std::isfinite(value) ? json(value) : json(nullptr);
}

json extreme(const comparison::extreme& of, bool any) {
  return any ? json{{"frame", of.frame}, {"value", of.value}} : json(nullptr);
}

json to_json(const compare_arguments& chosen, const std::string& kind, const comparison& sum) {
  return {{"counted", chosen.counted.string()},
          {"truth", chosen.truth.string()},
          {"truth_kind", kind},
          {"radius_px", chosen.options.radius_px},
          {"frames", sum.frames},
          {"missing_frames", sum.missing_frames},
          {"electrons", sum.electrons},
          {"undetectable_electrons", sum.undetectable},
          {"detectable_adu", chosen.options.detectable_adu},
          {"events", sum.events},
          {"matched", sum.matched},
          {"recall", number(sum.recall())},
          {"recall_limit", number(sum.recall_limit())},
          {"precision", number(sum.precision())},
          {"count_ratio", number(sum.count_ratio())},
          {"rms_error_px",
           {{"row", number(sum.rms_row())}, {"column", number(sum.rms_column())}, {"radial", number(sum.rms_radial())}}},
          {"mean_error_px", {{"row", number(sum.mean_row())}, {"column", number(sum.mean_column())}}},
          {"worst_recall", extreme(sum.worst_recall, sum.electrons > 0)},
          {"worst_precision", extreme(sum.worst_precision, sum.events > 0)},
          {"fewest_events_per_electron", extreme(sum.fewest_events, sum.electrons > 0)},
          {"most_events_per_electron", extreme(sum.most_events, sum.electrons > 0)}};
}

std::string text_of(const comparison& sum, double radius) {
  std::string text;
  const auto add = std::back_inserter(text);
  fmt::format_to(add, "frames: {}", with_separators(sum.frames));
  if (sum.missing_frames > 0) fmt::format_to(add, " ({} more never arrived)", with_separators(sum.missing_frames));
  fmt::format_to(add, "\nelectrons: {}, of which {} left too little charge to be found\n", with_separators(sum.electrons),
                 with_separators(sum.undetectable));
  fmt::format_to(add, "events: {}, of which {} lie within {} pixels of an electron\n", with_separators(sum.events),
                 with_separators(sum.matched), radius);
  fmt::format_to(add, "recall: {:.4f} (at best {:.4f})\nprecision: {:.4f}\nevents per electron: {:.4f}\n", sum.recall(),
                 sum.recall_limit(), sum.precision(), sum.count_ratio());
  fmt::format_to(add, "rms position error: {:.3f} pixels in row, {:.3f} in column, {:.3f} in the plane\n", sum.rms_row(),
                 sum.rms_column(), sum.rms_radial());
  if (sum.electrons > 0) {
    fmt::format_to(add, "worst recall: {:.4f} in frame {}\n", sum.worst_recall.value, sum.worst_recall.frame);
    fmt::format_to(add, "events per electron: {:.4f} in frame {} to {:.4f} in frame {}\n", sum.fewest_events.value,
                   sum.fewest_events.frame, sum.most_events.value, sum.most_events.frame);
  }
  if (sum.events > 0)
    fmt::format_to(add, "worst precision: {:.4f} in frame {}\n", sum.worst_precision.value, sum.worst_precision.frame);
  return text;
}

void run_comparison(compare_arguments& chosen, context& ctx) {
  const input_file read[] = {input_now(chosen.counted), input_now(chosen.truth)};
  const std::unique_ptr<event_store> counted = open_event_store(chosen.counted);
  const store_description& description = counted->description();
  const reference_events truth = open_reference(chosen.truth);
  require_same_scan(chosen, description, truth);
  chosen.options.detectable_adu = detectable_charge_adu(description.calibrated, truth.baseline_adu);

  comparison sum;
  event_batch events;
  for (std::uint64_t first = 0; first < counted->frames(); first += frames_at_once) {
    const auto count = static_cast<std::size_t>(std::min(frames_at_once, counted->frames() - first));
    counted->read(first, count, events);
    events.first_frame = first;
    compare(events, description.shape, description.options.upsample, truth.read(first, count), chosen.options, sum);
  }
  ctx.warn_of(changed_inputs(read));
  if (ctx.json) {
    ctx.print_json(to_json(chosen, truth.kind, sum));
  } else {
    ctx.answer(text_of(sum, chosen.options.radius_px));
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
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { run_comparison(*chosen, ctx); });
}

}  // namespace countem::cli
