#include <countem/store_copy.hpp>

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <countem/centre.hpp>
#include <countem/error.hpp>
#include <countem/work.hpp>

#include "io/store/background_writer.hpp"
#include "threads/arena.hpp"

namespace countem {

namespace {

/// An event and what it carries.
struct valued_event {
  std::uint32_t index;
  std::uint32_t value;
  friend auto operator<=>(const valued_event&, const valued_event&) = default;
};

/// Where pixels of the store's grid go in the copy's.
class pixel_mapping {
 public:
  pixel_mapping(const copy_plan& plan, std::uint32_t from_width)
      : plan_(plan), from_width_(from_width), to_width_(binned(plan.detector.shape, plan.bin).width) {}

  /// Appends the events of one frame that the copy keeps, not yet in order.
  void append(std::span<const std::uint32_t> indices, std::span<const std::uint32_t> values,
              std::vector<valued_event>& out) const {
    const detector_window& window = plan_.detector;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const std::uint32_t row = indices[i] / from_width_;
      const std::uint32_t column = indices[i] % from_width_;
      if (row < window.row || row - window.row >= window.shape.height || column < window.column ||
          column - window.column >= window.shape.width)
        continue;
      const std::uint32_t index = (row - window.row) / plan_.bin * to_width_ + (column - window.column) / plan_.bin;
      out.push_back({index, values.empty() ? 0 : values[i]});
    }
  }

 private:
  const copy_plan& plan_;
  std::uint32_t from_width_;
  std::uint32_t to_width_;
};

/// Frames of one row of positions in the copy, gathered from the rows of the store that go into it.
class merged_row {
 public:
  merged_row(const scan_shape& to, std::uint32_t scan_bin, unsigned threads)
      : to_(to), scan_bin_(scan_bin), threads_(threads), frames_(frames()) {}

  void add(const event_batch& row, const pixel_mapping& mapping) {
    for (std::size_t i = 0; i < row.frames(); ++i) {
      const std::uint64_t in_row = row.first_frame + i;
      const std::uint64_t position = in_row / to_.frames_per_position / scan_bin_;
      frame& into = frames_[position * to_.frames_per_position + in_row % to_.frames_per_position];
      const auto values = row.values.empty() ? std::span<const std::uint32_t>()
                                             : std::span(row.values).subspan(row.indptr[i], row.indptr[i + 1] - row.indptr[i]);
      mapping.append(row.events(i), values, into.events);
      into.xrays += row.xrays[i];
      const auto present = static_cast<std::uint8_t>(row.status[i] & status_sectors);
      into.arrived |= present;
      into.whole &= present;
      into.flags |= static_cast<std::uint8_t>(row.status[i] & ~status_sectors);
    }
  }

  /// Moves the row into a batch and begins the next one.
  void take(event_batch& out, std::uint64_t first_frame, bool with_values) {
    out.clear();
    out.first_frame = first_frame;
    arena_of(threads_).execute([&] {
      oneapi::tbb::parallel_for(std::size_t{0}, frames_.size(), [&](std::size_t i) { std::ranges::sort(frames_[i].events); });
    });
    for (frame& one : frames_) {
      for (const valued_event& event : one.events) {
        out.indices.push_back(event.index);
        if (with_values) out.values.push_back(event.value);
      }
      out.indptr.push_back(out.indices.size());
      out.xrays.push_back(one.xrays);
      // A merged frame that lacks some of what should have gone into it is cut short. It has the sectors that all have, if
      // there is one.
      const std::uint8_t cut_short = one.whole != one.arrived ? status_truncated : 0;
      const std::uint8_t sectors = one.whole != 0 ? one.whole : one.arrived;
      out.status.push_back(static_cast<std::uint8_t>(sectors | one.flags | cut_short));
      one = {};
    }
  }

 private:
  struct frame {
    std::vector<valued_event> events;
    std::uint32_t xrays = 0;
    std::uint8_t arrived = 0;
    std::uint8_t whole = status_sectors;
    std::uint8_t flags = 0;
  };

  [[nodiscard]] std::size_t frames() const { return std::size_t{to_.width} * to_.frames_per_position; }

  scan_shape to_;
  std::uint32_t scan_bin_;
  unsigned threads_;
  std::vector<frame> frames_;
};

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
  const pixel_mapping mapping(plan, described.shape.width);
  const bool with_values = described.options.values != event_value::none;
  const std::uint64_t made_per_row = std::uint64_t{scan.width} * scan.frames_per_position;
  work copying("copying", "frames", std::uint64_t{plan.scan.height} * plan.scan.width * scan.frames_per_position);
  merged_row row(scan, plan.scan_bin, options.threads);
  event_batch made;
  for (std::uint32_t number = 0; number < scan.height; ++number) {
    const std::uint32_t first_row = number * plan.scan_bin;
    const std::uint32_t rows = std::min(plan.scan_bin, plan.scan.height - first_row);
    for (std::uint32_t r = first_row; r < first_row + rows; ++r) {
      for_batches(from, {plan.scan.row + r, plan.scan.column, 1, plan.scan.width}, options, [&](const event_batch& events) {
        row.add(events, mapping);
        copying.advance(events.frames());
      });
    }
    row.take(made, number * made_per_row, with_values);
    visit(made);
  }
}

void copy_frames(const event_store& from, const copy_plan& plan, event_sink& to, const reading_options& options) {
  io::background_writer writer(to, options.threads);
  for_copied_batches(from, plan, options, [&](const event_batch& made) { writer.put(made); });
  writer.finish();
}

}  // namespace countem
