#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <countem/reductions.hpp>

// The pixels of a ring, row by row. Along a row the distance from a centre falls and then rises, as computed too, since every
// rounding keeps order: what lies within a distance is one piece of the row, whose ends are sought from those of the row
// before.
namespace countem::core {

/// Columns [first, end).
struct column_range {
  std::uint32_t first = 0;
  std::uint32_t end = 0;
};

/// One row of a ring: the columns within its outer radius, and those of them that its hole takes.
struct ring_row {
  column_range within;
  column_range hole;
};

/// Distances from a centre, squared, in arithmetic of `Number`, every operation rounded once.
template <class Number>
struct distances {
  Number row;
  Number column;

  [[nodiscard]] Number squared(std::uint32_t at_row, std::uint32_t at_column) const {
    const Number rows = static_cast<Number>(at_row) - row;
    const Number columns = static_cast<Number>(at_column) - column;
    return rows * rows + columns * columns;
  }
  /// The first column from which on distances rise.
  [[nodiscard]] std::uint32_t turn(std::uint32_t width) const {
    std::uint32_t at = column > 0 ? static_cast<std::uint32_t>(std::min<Number>(column, static_cast<Number>(width))) : 0;
    while (at < width && static_cast<Number>(at) - column < 0) ++at;
    return at;
  }
  [[nodiscard]] Number least(std::uint32_t at_row, column_range columns, std::uint32_t turn) const {
    const std::uint32_t before = std::clamp(turn == 0 ? 0 : turn - 1, columns.first, columns.end - 1);
    return std::min(squared(at_row, before), squared(at_row, std::clamp(turn, columns.first, columns.end - 1)));
  }
  [[nodiscard]] Number most(std::uint32_t at_row, column_range columns) const {
    return std::max(squared(at_row, columns.first), squared(at_row, columns.end - 1));
  }
};

/// The first column of `among` for which `holds`, which holds for none before it and all behind it; sought from `guess` on.
template <class Holds>
[[nodiscard]] std::uint32_t first_column(column_range among, std::uint32_t guess, const Holds& holds) {
  std::uint32_t at = std::clamp(guess, among.first, among.end);
  while (at > among.first && holds(at - 1)) --at;
  while (at < among.end && !holds(at)) ++at;
  return at;
}

/// The rows of a frame in the ring of pixels with inner <= squared distance < outer.
[[nodiscard]] inline std::vector<ring_row> ring_rows(frame_shape shape, detector_point centre, double inner, double outer) {
  const distances<double> from{centre.row, centre.column};
  const std::uint32_t turn = from.turn(shape.width);
  std::vector<ring_row> rows(shape.height);
  ring_row before{{turn, turn}, {turn, turn}};
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    const auto within = [&](double limit, column_range guess) {
      const auto is_within = [&](std::uint32_t column) { return from.squared(row, column) < limit; };
      const auto is_beyond = [&](std::uint32_t column) { return !is_within(column); };
      return column_range{first_column({0, turn}, guess.first, is_within),
                          first_column({turn, shape.width}, guess.end, is_beyond)};
    };
    before = rows[row] = {within(outer, before.within), within(inner, before.hole)};
  }
  return rows;
}

/// The same ring in float32 arithmetic, where some pair of limits separates its pixels from all others.
[[nodiscard]] inline std::optional<annulus_test> ring_arithmetic(const std::vector<ring_row>& rows, frame_shape shape,
                                                                 detector_point centre) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const distances<float> from{static_cast<float>(centre.row), static_cast<float>(centre.column)};
  const std::uint32_t turn = from.turn(shape.width);
  float least = infinity;
  float most = 0;
  float nearest_beyond = infinity;
  float farthest_in_hole = -1;
  const auto for_columns = [](column_range columns, const auto& use) {
    if (columns.first < columns.end) use(columns);
  };
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    const auto& [within, hole] = rows[row];
    const auto take = [&](column_range columns) {
      least = std::min(least, from.least(row, columns, turn));
      most = std::max(most, from.most(row, columns));
    };
    const auto leave = [&](column_range columns) { nearest_beyond = std::min(nearest_beyond, from.least(row, columns, turn)); };
    for_columns({within.first, hole.first}, take);
    for_columns({hole.end, within.end}, take);
    for_columns({0, within.first}, leave);
    for_columns({within.end, shape.width}, leave);
    for_columns(hole, [&](column_range columns) { farthest_in_hole = std::max(farthest_in_hole, from.most(row, columns)); });
  }
  const annulus_test test{from.row, from.column, least, std::nextafter(most, infinity)};
  const bool is_separate = farthest_in_hole < test.inner && nearest_beyond >= test.outer;
  return is_separate ? std::optional(test) : std::nullopt;
}

}  // namespace countem::core
