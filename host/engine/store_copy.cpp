#include <countem/store_copy.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <countem/centre.hpp>
#include <countem/error.hpp>
#include <countem/work.hpp>

#include "host/engine/merged_positions.hpp"
#include "io/store/background_writer.hpp"

namespace countem {

namespace {

template <class T>
std::vector<T> cropped(const std::vector<T>& image, std::uint32_t width, const detector_window& window) {
  if (image.empty()) return {};
  std::vector<T> kept;
  kept.reserve(window.shape.pixels());
  for (std::uint32_t row = 0; row < window.shape.height; ++row) {
    const auto start = image.begin() + (static_cast<std::ptrdiff_t>(window.row + row) * width + window.column);
    kept.insert(kept.end(), start, start + window.shape.width);
  }
  return kept;
}

/// Cropped with the events. Where pixels are merged or split, that of the whole detector is kept, which the axes place.
calibration copied_calibration(calibration kept, const store_description& from, const copy_plan& plan) {
  if (plan.bin == 1 && kept.shape == from.shape) {
    const std::uint32_t width = from.shape.width;
    kept.shape = plan.detector.shape;
    kept.dark16 = cropped(kept.dark16, width, plan.detector);
    kept.gain = cropped(kept.gain, width, plan.detector);
    kept.mask = cropped(kept.mask, width, plan.detector);
    kept.pixel_background16 = cropped(kept.pixel_background16, width, plan.detector);
    kept.dark_sigma_adu = cropped(kept.dark_sigma_adu, width, plan.detector);
  } else if (kept.shape != from.geometry.detector) {
    kept.dark16.clear();
    kept.gain.clear();
    kept.mask.clear();
    kept.pixel_background16.clear();
    kept.dark_sigma_adu.clear();
  }
  return kept;
}

/// Where the copy's indices lie on the same coordinates.
store_geometry copied_geometry(store_geometry geometry, const copy_plan& plan) {
  geometry.row = geometry.row.part(plan.detector.row, plan.bin);
  geometry.column = geometry.column.part(plan.detector.column, plan.bin);
  geometry.scan_row = geometry.scan_row.part(plan.scan.row, plan.scan_bin);
  geometry.scan_column = geometry.scan_column.part(plan.scan.column, plan.scan_bin);
  return geometry;
}

}  // namespace

result_axes axes_of_copy(const store_description& from, const copy_plan& plan) {
  validate(plan.scan, from.scan);
  const detector_window& window = plan.detector;
  if (window.shape.pixels() == 0 || std::uint64_t{window.row} + window.shape.height > from.shape.height ||
      std::uint64_t{window.column} + window.shape.width > from.shape.width) {
    throw invalid_argument("the detector window keeps nothing, or reaches beyond frames of " +
                           std::to_string(from.shape.height) + " x " + std::to_string(from.shape.width) + " pixels");
  }
  if (plan.bin == 0 || plan.scan_bin == 0) throw invalid_argument("a bin factor is at least 1");
  const frame_shape positions = binned(frame_shape{plan.scan.height, plan.scan.width}, plan.scan_bin);
  return {binned(window.shape, plan.bin),
          {positions.height, positions.width, from.scan.frames_per_position},
          copied_geometry(from.geometry, plan)};
}

store_description describe_copy(const store_description& from, const copy_plan& plan) {
  const result_axes axes = axes_of_copy(from, plan);
  store_description copy = from;
  copy.shape = axes.grid;
  copy.scan = axes.scan;
  copy.geometry = axes.geometry;
  // How many cells a pixel has, where that is a whole number.
  copy.options.upsample = from.options.upsample % plan.bin == 0 ? from.options.upsample / plan.bin : 1;
  copy.calibrated = copied_calibration(from.calibrated, from, plan);
  return copy;
}

std::vector<std::uint8_t> masked_in_copy(const store_description& from, const copy_plan& plan) {
  const result_axes axes = axes_of_copy(from, plan);
  if (from.calibrated.mask.empty()) return {};
  calibration mask_alone;
  mask_alone.shape = from.calibrated.shape;
  mask_alone.mask = from.calibrated.mask;
  return masked_events(copied_calibration(std::move(mask_alone), from, plan), axes.grid, axes.geometry);
}

copy_plan whole_bins(copy_plan plan) {
  const auto cut = [](std::uint32_t& length, std::uint32_t bin, const char* what) {
    if (length < bin)
      throw invalid_argument("a bin of " + std::to_string(bin) + " is larger than all " + std::to_string(length) + " " + what +
                             ": no whole bin is left; give a smaller one");
    length -= length % bin;
  };
  cut(plan.detector.shape.height, plan.bin, "rows of pixels");
  cut(plan.detector.shape.width, plan.bin, "columns of pixels");
  cut(plan.scan.height, plan.scan_bin, "rows of positions");
  cut(plan.scan.width, plan.scan_bin, "columns of positions");
  return plan;
}

namespace {

/// Where positions stay apart and events carry nothing: by the stages of the reductions.
void for_batches_of_cells(const event_store& from, const copy_plan& plan, const reading_options& options,
                          const std::function<void(const event_batch&)>& visit) {
  const frame_shape grid = from.description().shape;
  const bool is_cropped = plan.detector.shape != grid;
  const auto cells = make_reducer(backend::cpu, options.threads);
  event_batch cropped;
  event_batch binned;
  for_batches(from, plan.scan, options, [&](const event_batch& events) {
    event_batch* made = nullptr;
    if (is_cropped) {
      cells->load(view_of(events, grid));
      cells->crop(plan.detector, cropped);
      made = &cropped;
    }
    if (plan.bin != 1) {
      cells->load(is_cropped ? view_of(cropped, plan.detector.shape) : view_of(events, grid));
      cells->bin(plan.bin, binned);
      made = &binned;
    }
    if (made == nullptr) {
      visit(events);
      return;
    }
    made->first_frame = events.first_frame;
    made->status = events.status;
    made->xrays = events.xrays;
    visit(*made);
  });
}

/// Shows what goes into some frames of a copy, row by row of the store; first_frame counts from the first repeat of the first
/// position in each row.
void for_sources(const event_store& from, const copy_plan& plan, const engine::copied_frames& some,
                 const reading_options& options, const std::function<void(const event_batch&)>& visit) {
  const std::uint32_t end_row = std::min((some.row + 1) * plan.scan_bin, plan.scan.height);
  const std::uint32_t first_column = some.first_column * plan.scan_bin;
  const std::uint32_t end_column = std::min(some.end_column * plan.scan_bin, plan.scan.width);
  for (std::uint32_t row = some.row * plan.scan_bin; row < end_row; ++row) {
    scan_window window{plan.scan.row + row, plan.scan.column + first_column, 1, end_column - first_column};
    if (some.repeats() == from.description().scan.frames_per_position) {
      for_batches(from, window, options, visit);
      continue;
    }
    reading_options part = options;
    part.only = {some.first_repeat, some.end_repeat};
    window.width = 1;
    for (std::uint32_t column = first_column; column < end_column; ++column, ++window.column)
      for_batches(from, window, part, visit);
  }
}

}  // namespace

void for_copied_batches(const event_store& from, const copy_plan& plan, const reading_options& options,
                        const std::function<void(const event_batch&)>& visit) {
  const store_description& described = from.description();
  static_cast<void>(axes_of_copy(described, plan));  // refuses what cannot be copied
  if (plan.scan_bin == 1 && described.options.values == event_value::none) {
    for_batches_of_cells(from, plan, options, visit);
    return;
  }
  if (options.only) throw invalid_argument("where positions are merged or events carry values, frames are read all");
  const scan_shape scan = axes_of_copy(described, plan).scan;
  const bool with_values = described.options.values != event_value::none;
  work copying("copying", "frames", std::uint64_t{plan.scan.height} * plan.scan.width * scan.frames_per_position);
  engine::merged_positions merged(plan, described.shape, scan.frames_per_position, with_values, options.threads);
  event_batch made;
  std::uint64_t first_frame = 0;
  engine::copied_walk walk(from.counts(), described.scan, plan);
  for (engine::copied_frames some = walk.next(); some.frames() != 0; some = walk.next()) {
    merged.begin(from.counts(), described.scan, some);
    for_sources(from, plan, some, options, [&](const event_batch& events) {
      merged.add(events);
      copying.advance(events.frames());
    });
    merged.take(made);
    made.first_frame = std::exchange(first_frame, first_frame + made.frames());
    visit(made);
  }
}

void copy_frames(const event_store& from, const copy_plan& plan, event_sink& to, const reading_options& options) {
  io::background_writer writer(to, options.threads);
  for_copied_batches(from, plan, options, [&](const event_batch& made) { writer.put(made); });
  writer.finish();
}

}  // namespace countem
