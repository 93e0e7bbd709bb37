#include "host/engine/centre_scatter.hpp"

#include <cmath>
#include <cstddef>
#include <numbers>

#include "host/engine/unknown.hpp"

namespace countem::engine {

namespace {

/// Sums of weights are rounded at the 30th bit: what is nearer to one event than this is one event.
constexpr double one_event = 1 + 1e-6;

double electrons_of(const weighted_moments& sums, const weighted_moments& squares) {
  return squares.weight > 0 ? sums.weight * sums.weight / squares.weight : 0;
}

/// With variances that roundings took below 0 set to 0.
place_covariance not_negative(const place_covariance& covariance) {
  const auto above = [](double variance) { return variance < 0 ? 0 : variance; };
  return {above(covariance.row_row), covariance.row_column, above(covariance.column_column)};
}

/// Sums of products of deviations from the point (row, column).
place_covariance about(const weighted_moments& sums, double row, double column) {
  return {sums.row_row - 2 * row * sums.row + row * row * sums.weight,
          sums.row_column - row * sums.column - column * sums.row + row * column * sums.weight,
          sums.column_column - 2 * column * sums.column + column * column * sums.weight};
}

/// @param of the sums whose deviations are added @param by what they are divided by
place_covariance scatter(const weighted_moments& sums, const weighted_moments& squares, const weighted_moments& of, double by) {
  const double electrons = electrons_of(sums, squares);
  if (!(electrons > one_event)) return {unknown, unknown, unknown};
  const double factor = electrons / (electrons - 1) / by;
  const place_covariance deviations = about(of, sums.row / sums.weight, sums.column / sums.weight);
  return not_negative({deviations.row_row * factor, deviations.row_column * factor, deviations.column_column * factor});
}

}  // namespace

std::vector<double> electrons_of(const reduction_result& result) {
  std::vector<double> electrons;
  for (const event_moments& moments : result.moments) electrons.push_back(static_cast<double>(moments.events));
  for (std::size_t p = 0; p < result.weighted.size(); ++p)
    electrons.push_back(electrons_of(result.weighted[p], result.weighted_squares[p]));
  return electrons;
}

std::vector<place_covariance> scatter_of_events(const reduction_result& result) {
  std::vector<place_covariance> found;
  for (const event_second_moments& moments : result.second_moments) found.push_back(covariance_of(moments));
  for (std::size_t p = 0; p < result.weighted.size(); ++p) {
    const weighted_moments& sums = result.weighted[p];
    found.push_back(scatter(sums, result.weighted_squares[p], sums, sums.weight));
  }
  return found;
}

std::vector<place_covariance> scatter_of_centres(const reduction_result& result) {
  std::vector<place_covariance> found;
  for (const event_second_moments& moments : result.second_moments) found.push_back(centre_covariance(moments));
  for (std::size_t p = 0; p < result.weighted.size(); ++p) {
    const weighted_moments& sums = result.weighted[p];
    const weighted_moments& squares = result.weighted_squares[p];
    found.push_back(scatter(sums, squares, squares, sums.weight * sums.weight));
  }
  return found;
}

place_covariance turned(const place_covariance& covariance, const scan_rotation& rotation) {
  const double angle = rotation.degrees * std::numbers::pi / 180;
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  const double across = rotation.flip ? -covariance.row_column : covariance.row_column;
  return not_negative({c * c * covariance.row_row + 2 * c * s * across + s * s * covariance.column_column,
                       (c * c - s * s) * across + c * s * (covariance.column_column - covariance.row_row),
                       s * s * covariance.row_row - 2 * c * s * across + c * c * covariance.column_column});
}

}  // namespace countem::engine
