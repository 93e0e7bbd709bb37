#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/reductions.hpp>
#include <countem/saved_image.hpp>

/// Reductions of finished event stores, in bounded memory whatever their size, and smaller copies of stores.
namespace countem {

/// Positions [row, row + height) x [column, column + width) of a scan.
struct scan_window {
  std::uint32_t row = 0;
  std::uint32_t column = 0;
  std::uint32_t height = 0;
  std::uint32_t width = 0;
};
[[nodiscard]] constexpr scan_window whole(const scan_shape& scan) {
  return {0, 0, scan.height, scan.width};
}
/// The scan that a window leaves.
[[nodiscard]] constexpr scan_shape inside(const scan_shape& scan, const scan_window& window) {
  return {window.height, window.width, scan.frames_per_position};
}

/// "R0:R1,C0:C1": rows R0 up to but not including R1, columns likewise; either number may be left out.
struct index_ranges {
  std::uint32_t row = 0, row_end = 0, column = 0, column_end = 0;
};
/// @throws invalid_argument when the text says something else, or reaches beyond height x width.
[[nodiscard]] index_ranges parse_ranges(std::string_view text, std::uint32_t height, std::uint32_t width);

struct reading_options {
  unsigned threads = 0;                         ///< 0: all cores
  const std::atomic<bool>* stop = nullptr;      ///< raised by the caller to end early
  std::function<void(std::uint64_t)> progress;  ///< called with the number of frames done so far
};

/// Calls `visit` with batch after batch of the window's frames, in order; first_frame counts within the window.
/// @throws invalid_argument when the window reaches beyond the scan, format_error naming a damaged frame, interrupted.
void for_batches(const event_store& store, const scan_window& window, const reading_options& options,
                 const std::function<void(const event_batch&)>& visit);

/// What to leave out of a copy of a store, and what to merge. Cropping happens before binning.
struct copy_plan {
  scan_window scan;          ///< positions that are kept
  detector_window detector;  ///< pixels of the event grid that are kept
  std::uint32_t bin = 1;     ///< pixels per side that become one
  std::uint32_t scan_bin =
      1;  ///< positions per side that become one; frames of the same repeat are merged, their events all kept
};

/// What a copy is: the store's description with shape, scan and calibration cut to what is kept. A binned copy keeps the
/// thresholds of its calibration but not its images, which are per detector pixel.
/// @throws invalid_argument when the plan keeps nothing, or windows reach beyond scan or detector.
[[nodiscard]] store_description describe_copy(const store_description& from, const copy_plan& plan);

/// Writes the copy's frames to a sink made for describe_copy(). Values stay with their events. The caller finishes the sink.
/// @throws as for_batches().
void copy_frames(const event_store& from, const copy_plan& plan, event_sink& to, const reading_options& options);

/// Centre of mass of each position as two maps (row, column), NaN where a position has no events.
struct deflection {
  std::vector<double> row;
  std::vector<double> column;
};
[[nodiscard]] deflection deflections(const reduction_result& result);
/// A plane over the scan, by its value in the scan's middle.
struct scan_plane {
  double middle = 0;
  double per_row = 0;
  double per_column = 0;

  [[nodiscard]] double at(const scan_shape& scan, std::uint64_t position) const {
    const double row = static_cast<double>(position / scan.width) - (scan.height - 1) / 2.0;
    const double column = static_cast<double>(position % scan.width) - (scan.width - 1) / 2.0;
    return middle + per_row * row + per_column * column;
  }
};
/// The plane that fits a map best (least squares over its finite values); level where there are fewer than three.
[[nodiscard]] scan_plane fit_plane(const std::vector<double>& map, const scan_shape& scan);
/// Subtracts from each map the plane that fits it best: the scan's descan.
void subtract_plane(deflection& maps, const scan_shape& scan);

/// The map whose differences between neighbouring positions, per row and per column, are the deflections in the least squares
/// sense: differential phase contrast, integrated (10.1016/j.ultramic.2015.10.011). Units are detector pixels times scan steps;
/// it becomes a phase when multiplied by 2 pi times the reciprocal pixel size times the step. The mean deflection, and so an
/// arbitrary centre, drops out; the scan counts as periodic. Positions without events are integrated as undeflected from the
/// mean and are NaN in the result, whose other values have mean 0.
/// @throws invalid_argument when the maps are not of the scan's size.
[[nodiscard]] std::vector<double> integrate(const deflection& maps, const scan_shape& scan);

/// What centres of mass are given relative to.
enum class deflection_origin : std::uint8_t {
  corner,  ///< pixel (0, 0)
  centre,  ///< the plan's centre
  descan,  ///< the plane that fits them best
};

/// The integrated deflections (after subtract_plane with deflection_origin::descan) as the image "phase".
[[nodiscard]] saved_image phase_image(const reduction_result& result, const scan_shape& scan, deflection_origin origin);

/// The results as images for files: sum, maximum, counts, com_row, com_column, radial, and one virtual_N and weighted_N each.
[[nodiscard]] std::vector<saved_image> images_of(const reduction_result& result, const reduction_plan& plan, frame_shape grid,
                                                 const scan_shape& scan, deflection_origin origin = deflection_origin::corner);

/// The profile of a summed pattern as the images radial_sum, electrons in each ring, and radial_mean, electrons a pixel of the
/// ring; NaN where no pixel lies in it.
[[nodiscard]] std::vector<saved_image> radial_profile(std::span<const std::uint64_t> sum, const ring_map& rings);

}  // namespace countem
