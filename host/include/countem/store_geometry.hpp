#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <countem/choices.hpp>
#include <countem/frame.hpp>
#include <countem/types.hpp>

namespace countem {

/// Words and help of sector_split.
template <>
struct choice_table<sector_split> {
  static constexpr std::string_view what = "split into sectors";  ///< in a sentence
  /// In the order of the enumerators.
  static constexpr std::array<choice<sector_split>, 3> entries{
      {{sector_split::none, "none", "frames arrive whole or not at all, or how they are split is not known"},
       {sector_split::rows, "rows", "sector m covers rows [m h/4, (m+1) h/4)"},
       {sector_split::columns, "columns", "sector m covers columns [m w/4, (m+1) w/4)"}}};
};

/// Where the indices of an axis lie: index i has its centre at first + i * step.
struct axis_scale {
  double first = 0;  ///< coordinate of index 0
  double step = 1;   ///< from one index to the next

  /// Coordinate of an index, which may have a fraction.
  [[nodiscard]] constexpr double at(double index) const { return first + index * step; }
  /// Index of a coordinate, with its fraction.
  [[nodiscard]] constexpr double index_of(double coordinate) const { return (coordinate - first) / step; }
  /// The axis of every `bin` indices merged, from index `begin` on.
  [[nodiscard]] constexpr axis_scale part(std::uint32_t begin, std::uint32_t bin = 1) const {
    return {at(begin + (bin - 1.0) / 2), step * bin};
  }
  friend constexpr bool operator==(const axis_scale&, const axis_scale&) = default;
};

/// Where the first row and the first column of a plane lie.
struct plane_origin {
  double row = 0;     ///< of row 0
  double column = 0;  ///< of column 0

  friend constexpr bool operator==(const plane_origin&, const plane_origin&) = default;
};

/// Lengths that a file states for the axes of its frames. A step of 0: it states none that can be used.
struct axis_lengths {
  double pixel_mrad = 0;                ///< scattering angle of a detector pixel
  double scan_step_nm = 0;              ///< distance of two positions of the scan
  plane_origin detector_origin_mrad{};  ///< of the detector's first pixel; 0 where pixel_mrad is
  plane_origin scan_origin_nm{};        ///< of the scan's first position; 0 where scan_step_nm is

  friend constexpr bool operator==(const axis_lengths&, const axis_lengths&) = default;
};

/// What the axes of a store mean. Coordinates are pixels of the detector and positions of the scan as both were recorded, and
/// stay so through crops, bins and upsampling; a cell is an index of the store's own grid.
struct store_geometry {
  axis_scale row;                           ///< detector rows, in pixels
  axis_scale column;                        ///< detector columns, in pixels; its step is that of the rows
  axis_scale scan_row;                      ///< rows of the scan, in positions
  axis_scale scan_column;                   ///< columns of the scan, in positions
  frame_shape detector{};                   ///< as it was read out; the status of a frame names its sectors
  sector_split split = sector_split::none;  ///< how the detector is split into those
  double pixel_mrad = 0;                    ///< scattering angle of a detector pixel; 0: not known
  double scan_step_nm = 0;                  ///< distance of two positions of the scan as it was recorded; 0: not known
  plane_origin detector_origin_mrad{};      ///< added to angles of the axes: where row 0 and column 0 lie
  plane_origin scan_origin_nm{};            ///< added to lengths of the axes: where row 0 and column 0 of the scan lie

  friend constexpr bool operator==(const store_geometry&, const store_geometry&) = default;
};

/// The geometry of a scan as it is counted.
[[nodiscard]] constexpr store_geometry counted_geometry(frame_shape detector, std::uint32_t upsample,
                                                        sector_split split = sector_split::none) {
  const axis_scale fine{0.5 / upsample - 0.5, 1.0 / upsample};
  store_geometry geometry;
  geometry.row = geometry.column = fine;
  geometry.detector = detector;
  geometry.split = split;
  return geometry;
}

/// The geometry with the lengths that are given (above 0), else with those that the file states. A given length comes without
/// an origin.
[[nodiscard]] store_geometry with_lengths(store_geometry geometry, const axis_lengths& stated, double given_pixel_mrad = 0,
                                          double given_scan_step_nm = 0);

/// @throws invalid_argument when a coordinate is no number, a step is not above 0, or rows and columns of the detector have
/// other steps.
void validate(const store_geometry& geometry);

}  // namespace countem
