#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/second_moments.cpp"
#include <hwy/foreach_target.h>  // includes this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "kernels/cpu/index_lanes-inl.hpp"
#include "kernels/cpu/second_moments.hpp"

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <bool small>
event_second_moments second_moments_of(frame_events events, frame_shape shape) {
  const lanes_u32 d;
  const splitter<small> split(shape.width);
  event_second_moments sums{{events.size(), 0, 0}, 0, 0, 0};
  // As many products of places as surely fit a 32-bit lane; those of first order then fit, too.
  const std::uint32_t farthest = std::max({shape.height, shape.width, 2U}) - 1;
  const std::size_t piece = std::numeric_limits<std::uint32_t>::max() / (farthest * farthest) * hn::Lanes(d);
  while (!events.empty()) {
    auto rows = hn::Zero(d);
    auto columns = hn::Zero(d);
    auto row_row = hn::Zero(d);
    auto row_column = hn::Zero(d);
    auto column_column = hn::Zero(d);
    for_vectors(events.first(std::min(piece, events.size())), [&](vector_u32 index, std::size_t, std::size_t) {
      const auto signed_row = split.row(index);  // the idle lanes' index 0 adds nothing
      const auto row = hn::BitCast(d, signed_row);
      const auto column = hn::BitCast(d, split.column(index, signed_row));
      rows = hn::Add(rows, row);
      columns = hn::Add(columns, column);
      row_row = hn::Add(row_row, hn::Mul(row, row));
      row_column = hn::Add(row_column, hn::Mul(row, column));
      column_column = hn::Add(column_column, hn::Mul(column, column));
    });
    sums.first.row_sum += total(rows);
    sums.first.column_sum += total(columns);
    sums.row_row += total(row_row);
    sums.row_column += total(row_column);
    sums.column_column += total(column_column);
    events = events.subspan(std::min(piece, events.size()));
  }
  return sums;
}

event_second_moments second_moments(frame_events events, frame_shape shape) {
  return shape.pixels() <= small_pixels ? second_moments_of<true>(events, shape) : second_moments_of<false>(events, shape);
}

}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(second_moments);

namespace {

/// Whether a 32-bit lane holds the sum of some products of places.
constexpr bool fits_squares(frame_shape shape) {
  return fits_lanes(shape) && shape.height <= (1U << 14) && shape.width <= (1U << 14);
}

/// One event after another, for frames of any size.
event_second_moments one_by_one(frame_events events, frame_shape shape) {
  event_second_moments sums{{events.size(), 0, 0}, 0, 0, 0};
  for (const std::uint32_t index : events) {
    const std::uint64_t row = index / shape.width;
    const std::uint64_t column = index % shape.width;
    sums.first.row_sum += row;
    sums.first.column_sum += column;
    sums.row_row += row * row;
    sums.row_column += row * column;
    sums.column_column += column * column;
  }
  return sums;
}

}  // namespace

event_second_moments frame_second_moments(frame_events events, frame_shape shape) {
  return fits_squares(shape) ? HWY_DYNAMIC_DISPATCH(second_moments)(events, shape) : one_by_one(events, shape);
}

frame_events keep_inside(frame_events events, const std::vector<std::uint8_t>& inside, std::vector<std::uint32_t>& scratch) {
  scratch.resize(std::max(scratch.size(), events.size()));
  std::size_t number = 0;
  for (const std::uint32_t index : events) {  // without a branch
    scratch[number] = index;
    number += inside[index] & 1U;
  }
  return frame_events(scratch).first(number);
}

}  // namespace countem::cpu
#endif
