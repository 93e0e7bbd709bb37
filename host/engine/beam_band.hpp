#pragma once

#include <Eigen/Dense>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "host/engine/beam_pattern.hpp"

// The neighbourhood of a rim, cut into sectors that are judged one by one; for beam_fit.cpp.
namespace countem::beam {

/// Row, column, radius, logarithm of the rim's width; level of disk and background, each with a slope by row and column.
inline constexpr int parameters = 10;
using vector = Eigen::Matrix<double, parameters, 1>;
using matrix = Eigen::Matrix<double, parameters, parameters>;
enum index : int { row, column, radius, log_width, disk, disk_row, disk_column, back, back_row, back_column };

inline constexpr double two_pi = 2 * std::numbers::pi;

/// A pixel near the rim, or all pixels of a sector that lie on one side of it.
struct sample {
  double row = 0;
  double column = 0;
  double counts = 0;
  double cells = 1;
  double inside = -1;  ///< 1 or 0 for those of a sector; below 0: depends on the distance
  std::size_t sector = 0;
};

/// The band around a rim, cut into sectors.
class rim_band {
 public:
  rim_band(const beam_pattern& pattern, const vector& at, std::size_t sectors);

  std::vector<sample> samples;
  std::vector<std::uint8_t> good;  ///< [sector]
  std::vector<sample> inner;       ///< [sector] what lies well within the rim, for judge_sides()
  std::vector<sample> outer;       ///< [sector] what lies well outside of it
  std::vector<double> seen;        ///< [sector] share of its pixels that are used, the lower of both sides

  [[nodiscard]] std::size_t sectors() const { return good.size(); }
  [[nodiscard]] double slack() const { return slack_; }

 private:
  double slack_ = 1;
};

[[nodiscard]] inline double width_of(const vector& at) {
  return std::exp(at[log_width]);
}

/// Levels of disk and background from the middle of the sectors, whatever a few of them show; and which sectors are good.
struct band_levels {
  double disk = 0;  ///< above the background; not above 0: there is no disk
  double background = 0;
};
[[nodiscard]] band_levels judge_sides(rim_band& band);

/// A stop's edge reaches into the neighbours of the sectors that show it.
void drop_neighbours(rim_band& band);

/// Sectors that hold enough electrons and enough of the rim to be judged.
[[nodiscard]] std::size_t sectors_for(const beam_pattern& pattern, const vector& at);

}  // namespace countem::beam
