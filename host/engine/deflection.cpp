#include <countem/deflection.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include <countem/error.hpp>

namespace countem {

namespace {

/// Least squares: solves the 3 x 3 normal equations by elimination with pivoting; what the points do not determine stays 0.
std::array<double, 3> solve(std::array<std::array<double, 4>, 3> equations) {
  std::array<double, 3> solution{};
  std::array<bool, 3> used{};
  for (std::size_t column = 0; column < 3; ++column) {
    std::size_t pivot = 3;
    for (std::size_t row = 0; row < 3; ++row) {
      if (!used[row] && (pivot == 3 || std::abs(equations[row][column]) > std::abs(equations[pivot][column]))) pivot = row;
    }
    if (std::abs(equations[pivot][column]) < 1e-9) continue;
    used[pivot] = true;
    std::swap(equations[pivot], equations[column]);
    std::swap(used[pivot], used[column]);
    for (std::size_t row = 0; row < 3; ++row) {
      if (row == column) continue;
      const double factor = equations[row][column] / equations[column][column];
      for (std::size_t i = column; i < 4; ++i) equations[row][i] -= factor * equations[column][i];
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (used[i]) solution[i] = equations[i][3] / equations[i][i];
  }
  return solution;
}

void subtract_plane(std::vector<double>& map, const scan_shape& scan, const std::vector<double>& weights) {
  const scan_plane plane = fit_plane(map, scan, weights);
  for (std::size_t position = 0; position < map.size(); ++position) map[position] -= plane.at(scan, position);
}

}  // namespace

deflection deflections(const reduction_result& result) {
  deflection maps;
  for (const event_moments& moments : result.moments) {
    const detector_point centre = centre_of_mass(moments);
    maps.row.push_back(centre.row);
    maps.column.push_back(centre.column);
  }
  for (const weighted_moments& sums : result.weighted) {
    const bool known = sums.weight > 0;
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    maps.row.push_back(known ? result.weighted_origin.row + sums.row / sums.weight : unknown);
    maps.column.push_back(known ? result.weighted_origin.column + sums.column / sums.weight : unknown);
  }
  return maps;
}

scan_plane fit_plane(const std::vector<double>& map, const scan_shape& scan) {
  return fit_plane(map, scan, std::vector<double>(map.size(), 1.0));
}

scan_plane fit_plane(const std::vector<double>& map, const scan_shape& scan, const std::vector<double>& weights) {
  if (weights.size() != map.size()) throw invalid_argument("a plane is fitted with as many weights as values");
  const double middle_row = (scan.height - 1) / 2.0;
  const double middle_column = (scan.width - 1) / 2.0;
  std::array<std::array<double, 4>, 3> equations{};
  std::size_t points = 0;
  for (std::size_t position = 0; position < map.size(); ++position) {
    if (!std::isfinite(map[position]) || !(weights[position] > 0)) continue;
    ++points;
    const std::array<double, 3> term{1, static_cast<double>(position / scan.width) - middle_row,
                                     static_cast<double>(position % scan.width) - middle_column};
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) equations[i][j] += weights[position] * term[i] * term[j];
      equations[i][3] += weights[position] * term[i] * map[position];
    }
  }
  if (points < 3) return {points == 0 ? 0 : equations[0][3] / equations[0][0], 0, 0};
  const std::array<double, 3> plane = solve(equations);
  return {plane[0], plane[1], plane[2]};
}

void subtract_plane(deflection& maps, const scan_shape& scan, const std::vector<double>& weights) {
  subtract_plane(maps.row, scan, weights);
  subtract_plane(maps.column, scan, weights);
}

}  // namespace countem
