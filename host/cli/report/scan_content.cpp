#include "host/cli/report/scan_content.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <countem/centre.hpp>
#include <countem/error.hpp>
#include <countem/result_images.hpp>
#include <countem/store_reduction.hpp>

namespace countem::cli::report {

namespace {

constexpr std::uint64_t most_pattern_cells = 1'500'000;
constexpr std::uint64_t histogram_bins = 96;
constexpr double radial_bins = 256;
/// Radii in units of the beam's: the dark field begins where the beam's edge has faded, and is split where scattering by single
/// atoms takes over from diffraction.
constexpr double dark_field_from = 1.25;
constexpr double high_angles_from = 2;

/// A map of positions or pixels, NaN where nothing arrived, in cells.
cell_map summed(const std::vector<double>& map, const scan_shape& scan, std::uint32_t stride) {
  const std::uint64_t number = cells(scan, stride).positions();
  cell_map out{std::vector<std::uint64_t>(number), std::vector<std::uint8_t>(number, 1)};
  for_cells(scan, stride, [&](std::size_t position, std::size_t cell) {
    if (!std::isfinite(map[position])) return;
    out.electrons[cell] += static_cast<std::uint64_t>(map[position]);
    out.absent[cell] = 0;
  });
  if (std::ranges::count(out.absent, 1) == 0) out.absent.clear();
  return out;
}

const std::vector<double>& values_of(const std::vector<saved_image>& images, const std::string& name) {
  return std::get<std::vector<double>>(std::ranges::find(images, name, &saved_image::name)->values);
}

count_histogram histogram_of(const event_store& store) {
  count_histogram histogram;
  std::uint32_t least = not_written;
  std::uint32_t most = 0;
  for (std::uint64_t frame = 0; frame < store.frames(); ++frame) {
    if (!has_arrived(store, frame)) continue;
    least = std::min(least, store.counts()[frame]);
    most = std::max(most, store.counts()[frame]);
  }
  if (least > most) return histogram;
  const std::uint64_t range = std::uint64_t{most} - least + 1;
  histogram.step = (range + histogram_bins - 1) / histogram_bins;
  histogram.first = least / histogram.step * histogram.step;
  histogram.frames.assign((most - histogram.first) / histogram.step + 1, 0);
  for (std::uint64_t frame = 0; frame < store.frames(); ++frame) {
    if (has_arrived(store, frame)) ++histogram.frames[(store.counts()[frame] - histogram.first) / histogram.step];
  }
  return histogram;
}

/// The sum of all frames, and its rings per detector pixel.
void look_at_sum(const reduction_result& result, const store_description& store, std::span<const std::uint8_t> excluded,
                 scan_content& content) {
  content.ring_step = std::max(1.0, std::ceil(std::hypot(store.shape.height, store.shape.width) / radial_bins));
  reduction_plan plan;
  plan.radial_profile = true;
  plan.errors = true;
  plan.radial_step = content.ring_step * store.geometry.row.step;
  plan.centre = content.centre_from.centre;
  plan.masked = masked_events(store.calibrated, store.shape, store.geometry);
  plan.excluded = {excluded.begin(), excluded.end()};
  const std::vector<saved_image> images = images_of(result, plan, {store.shape, store.scan, store.geometry});
  content.sum = summed(values_of(images, "sum"), {store.shape.height, store.shape.width, 1}, content.cell.bin);
  content.radial = values_of(images, "radial_mean");
  content.radial_error = values_of(images, "radial_mean_error");
}

}  // namespace

std::vector<named_detector> usual_detectors(const found_beam& beam) {
  const auto ring = [](const char* label, double inner, double outer) {
    virtual_detector detector;
    detector.name = label;
    detector.inner = inner;
    detector.outer = outer;
    return named_detector{label, detector};
  };
  const double r = beam.radius;
  return {ring("Bright field", 0, r), ring("Annular bright field", r / 2, r),
          ring("Annular dark field", dark_field_from * r, high_angles_from * r),
          ring("High-angle dark field", high_angles_from * r, std::numeric_limits<double>::infinity())};
}

frame_choice cell_of(const scan_shape& scan, frame_shape shape) {
  frame_choice cell;
  while (cells(scan, cell.stride).positions() > most_map_cells) ++cell.stride;
  while (binned(shape, cell.bin).pixels() > most_pattern_cells) ++cell.bin;
  return cell;
}

scan_content compute_content(const event_store& store, const content_options& options, frame_costs& costs) {
  const store_description& described = store.description();
  const scan_shape& scan = described.scan;
  const frame_shape shape = described.shape;
  scan_content content;
  content.cell = cell_of(scan, shape);
  content.maps = cells(scan, content.cell.stride);
  content.pattern = binned(shape, content.cell.bin);

  reduction_plan first;
  first.incomplete = options.incomplete;
  scan_reducer summing(first, shape, scan, options.where, options.reading.threads);
  position_walk walk(scan, [&](std::uint64_t position, std::span<const std::uint32_t> events) { costs.add(position, events); });
  for_batches(store, whole(scan), options.reading, [&](const event_batch& events) {
    summing.add(events);
    if (scan.frames_per_position == 1)
      costs.add(events, options.reading.threads);
    else
      walk.add(events);
  });
  content.events = summing.result().events;
  content.exposed = summing.result().exposed();
  content.beam =
      options.beam && options.beam->found ? *options.beam : beam_of(store, summing.result(), options.reading, options.excluded);
  content.centre_from = options.beam.value_or(content.beam);
  content.centre = in_cells(content.centre_from, described.geometry).centre;
  content.centre_guess = content.centre_from.guess;
  content.beam_guess = !content.beam.found && options.detectors.empty();
  look_at_sum(summing.result(), described, options.excluded, content);

  reduction_plan second;
  second.sum = false;
  second.centre_of_mass = true;
  second.errors = true;
  second.centre = content.centre_from.centre;
  second.incomplete = options.incomplete;
  second.excluded = options.excluded;
  content.detectors = options.detectors.empty() ? usual_detectors(content.beam) : options.detectors;
  for (const named_detector& one : content.detectors) second.detectors.push_back(one.detector);
  const reduction_plan on_grid = in_cells(second, described.geometry);
  for (std::size_t d = 0; d < content.detectors.size(); ++d) content.detectors[d].detector = on_grid.detectors[d];
  scan_reducer imaging(on_grid, shape, scan, options.where, options.reading.threads);
  const auto start = std::chrono::steady_clock::now();
  for_batches(store, whole(scan), options.reading, [&](const event_batch& events) { imaging.add(events); });
  content.imaging_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  const std::vector<saved_image> images = images_of(imaging.result(), second, {shape, scan, described.geometry});
  content.centres = centres_of(imaging.result(), values_of(images, "com_row"), options.axes, scan, shape, content.cell.stride);
  content.counts = summed(values_of(images, "counts"), scan, content.cell.stride);
  for (std::size_t d = 0; d < content.detectors.size(); ++d)
    content.virtual_images.push_back(summed(values_of(images, "virtual_" + std::to_string(d)), scan, content.cell.stride));
  content.arrived = arrival_of(store, content.cell.stride);
  content.events_per_frame = histogram_of(store);
  return content;
}

}  // namespace countem::cli::report
