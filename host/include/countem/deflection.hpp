#pragma once

#include <cstdint>
#include <vector>

#include <countem/reduction_plan.hpp>
#include <countem/types.hpp>

namespace countem {

/// Centre of mass of each position as two maps (row, column), NaN where a position has no events.
struct deflection {
  std::vector<double> row;     ///< [position], detector pixels
  std::vector<double> column;  ///< [position], detector pixels
};
/// The centre of mass of each position that was reduced.
[[nodiscard]] deflection deflections(const reduction_result& result);
/// A plane over the scan, by its value in the scan's middle.
struct scan_plane {
  double middle = 0;      ///< in the scan's middle
  double per_row = 0;     ///< slope along rows, per position
  double per_column = 0;  ///< slope along columns, per position

  /// Value at a position of the scan it was fitted on.
  [[nodiscard]] double at(const scan_shape& scan, std::uint64_t position) const {
    const double row = static_cast<double>(position / scan.width) - (scan.height - 1) / 2.0;
    const double column = static_cast<double>(position % scan.width) - (scan.width - 1) / 2.0;
    return middle + per_row * row + per_column * column;
  }
};
/// The plane that fits a map best (least squares over its finite values); level where there are fewer than three.
[[nodiscard]] scan_plane fit_plane(const std::vector<double>& map, const scan_shape& scan);
/// The same, each value counting by its weight: the number of electrons of a centre of mass is the inverse of its variance.
/// Values of weight 0 do not count. @throws invalid_argument when there are not as many weights as values
[[nodiscard]] scan_plane fit_plane(const std::vector<double>& map, const scan_shape& scan, const std::vector<double>& weights);
/// Subtracts from each map the plane that fits it best by these weights: the scan's descan.
void subtract_plane(deflection& maps, const scan_shape& scan, const std::vector<double>& weights);

}  // namespace countem
