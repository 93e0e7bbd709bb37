#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <countem/reductions.hpp>

// The inner loops of the reductions, each over the events of one frame, compiled once per instruction set and chosen at run
// time.
namespace countem::cpu {

using frame_events = std::span<const std::uint32_t>;

/// Events, sum of rows, sum of columns.
[[nodiscard]] event_moments frame_moments(frame_events events, frame_shape shape);

/// Events inside the annulus.
[[nodiscard]] std::uint32_t count_inside(frame_events events, frame_shape shape, const annulus_test& annulus);

/// Rows and columns that become one.
struct bin_factors {
  std::uint32_t rows = 1;
  std::uint32_t columns = 1;
};
/// Writes row and column on the binned grid, whose sides are below 2^16, for each event in their order.
void bin_positions(frame_events events, frame_shape shape, bin_factors by, std::uint16_t* rows, std::uint16_t* columns);

inline constexpr std::uint32_t most_in_row = 64;  ///< events of a row that sort_rows() sorts

/// Events that stand row by row, row r up to row_end[r], as sorted indices of a grid `width` wide. No row has more than
/// most_in_row; as many elements behind the last event can be read and written.
void sort_rows(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width, std::uint32_t* out);

/// The same where two rows, each in order, become one: an even number of rows, and no two have more than most_in_row.
void merge_pairs_of_rows(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width,
                         std::uint32_t* out);

inline constexpr std::size_t crop_room = 16;  ///< elements behind the last event that crop_frame() may write

/// Writes the events of the window to `out` and returns their number; `out` has room for as many as there are events, and for
/// crop_room more.
[[nodiscard]] std::size_t crop_frame(frame_events events, frame_shape shape, const detector_window& window, std::uint32_t* out);

/// A ring map as float32 arithmetic: the ring is the whole part of distance * per_step, unless that lies within `doubt` of a
/// whole number. There roundings might change the ring, and the map is read.
struct ring_arithmetic {
  float row = 0;
  float column = 0;
  float per_step = 0;
  float doubt = 0;
};
/// Nothing when roundings reach too far for most pixels to be certain.
[[nodiscard]] std::optional<ring_arithmetic> arithmetic_of(const ring_map& map);

/// Writes the ring of each event, map.rings for what lies outside them all.
void ring_numbers(frame_events events, const ring_map& map, const ring_arithmetic& by, std::uint16_t* out);

/// Whether the functions above may be used on frames of this shape: signed 32-bit lanes and float32 quotients must do.
[[nodiscard]] constexpr bool fits_lanes(frame_shape shape) {
  return shape.pixels() < (std::uint64_t{1} << 31) && shape.height < (1U << 20) && shape.width < (1U << 20);
}

}  // namespace countem::cpu
