// What follows from sums over events: centres of mass, and how far they scatter.
#include "host/core/moments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "host/core/shape_text.hpp"

namespace countem {

namespace {

__extension__ using wide = unsigned __int128;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// n sum(ab) - sum(a) sum(b): below 2^128 and, as a covariance, possibly negative.
double central(std::uint64_t events, std::uint64_t products, std::uint64_t a, std::uint64_t b) {
  const wide all = wide{events} * products;
  const wide means = wide{a} * b;
  return all >= means ? static_cast<double>(all - means) : -static_cast<double>(means - all);
}

place_covariance scaled(const place_covariance& of, double factor) {
  return {of.row_row * factor, of.row_column * factor, of.column_column * factor};
}

}  // namespace

void refuse_second_moments(frame_shape shape) {
  throw invalid_argument("sums of second order hold at most " + std::to_string(most_second_order_events(shape)) +
                         " events per frame and position of " + text_of(shape) +
                         " pixels, and there are more: bin the detector");
}

std::uint64_t most_second_order_events(frame_shape shape) {
  const std::uint64_t farthest = std::max({shape.height, shape.width, 2U}) - 1;
  return std::numeric_limits<std::uint64_t>::max() / (farthest * farthest);
}

void add_moments(event_second_moments& sums, const event_second_moments& frame, frame_shape shape) {
  const std::uint64_t most = most_second_order_events(shape);
  if (frame.first.events > most || sums.first.events > most - frame.first.events) refuse_second_moments(shape);
  sums.first += frame.first;
  sums.row_row += frame.row_row;
  sums.row_column += frame.row_column;
  sums.column_column += frame.column_column;
}

detector_point centre_of_mass(const event_moments& moments) {
  if (moments.events == 0) return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  const auto events = static_cast<double>(moments.events);
  return {static_cast<double>(moments.row_sum) / events, static_cast<double>(moments.column_sum) / events};
}

place_covariance covariance_of(const event_second_moments& moments) {
  const auto [events, rows, columns] = moments.first;
  if (events < 2) return {unknown, unknown, unknown};
  const auto n = static_cast<double>(events);
  return scaled({central(events, moments.row_row, rows, rows), central(events, moments.row_column, rows, columns),
                 central(events, moments.column_column, columns, columns)},
                1 / (n * (n - 1)));
}

place_covariance centre_covariance(const event_second_moments& moments) {
  return scaled(covariance_of(moments), 1 / static_cast<double>(moments.first.events));
}

}  // namespace countem
