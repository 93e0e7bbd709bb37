#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/reduce_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/index_lanes-inl.hpp"
#include "kernels/cpu/reduce_simd.hpp"
#include "kernels/cpu/row_sort-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <bool small>
event_moments moments_of(frame_events events, frame_shape shape) {
  const lanes_u32 d;
  const splitter<small> split(shape.width);
  event_moments sums{events.size(), 0, 0};
  // Rows and columns are below 2^20: so many fit a 32-bit lane.
  const std::size_t piece = std::size_t{2048} * hn::Lanes(d);
  while (!events.empty()) {
    auto rows = hn::Zero(d);
    auto columns = hn::Zero(d);
    for_vectors(events.first(std::min(piece, events.size())), [&](vector_u32 index, std::size_t, std::size_t) {
      const auto row = split.row(index);  // the idle lanes' index 0 adds nothing
      rows = hn::Add(rows, hn::BitCast(d, row));
      columns = hn::Add(columns, hn::BitCast(d, split.column(index, row)));
    });
    sums.row_sum += total(rows);
    sums.column_sum += total(columns);
    events = events.subspan(std::min(piece, events.size()));
  }
  return sums;
}

event_moments moments(frame_events events, frame_shape shape) {
  return shape.pixels() <= small_pixels ? moments_of<true>(events, shape) : moments_of<false>(events, shape);
}

template <bool small>
std::uint32_t inside_of(frame_events events, frame_shape shape, const annulus_test& annulus) {
  const lanes_u32 d;
  const lanes_f32 df;
  const splitter<small> split(shape.width);
  const auto centre_row = hn::Set(df, annulus.row);
  const auto centre_column = hn::Set(df, annulus.column);
  const auto inner = hn::Set(df, annulus.inner);
  const auto outer = hn::Set(df, annulus.outer);
  const std::size_t all = hn::Lanes(d);
  std::size_t inside = 0;
  for_vectors(events, [&](vector_u32 index, std::size_t number, std::size_t) {
    vector_f32 row;
    vector_f32 column;
    split.split(index, row, column);
    row = hn::Sub(row, centre_row);
    column = hn::Sub(column, centre_column);
    const auto distance = hn::Add(hn::Mul(row, row), hn::Mul(column, column));
    auto found = hn::And(hn::Ge(distance, inner), hn::Lt(distance, outer));
    if (number != all) found = hn::And(found, hn::FirstN(df, number));
    inside += hn::CountTrue(df, found);
  });
  return static_cast<std::uint32_t>(inside);
}

std::uint32_t inside(frame_events events, frame_shape shape, const annulus_test& annulus) {
  return shape.pixels() <= small_pixels ? inside_of<true>(events, shape, annulus) : inside_of<false>(events, shape, annulus);
}

using lanes_u16 = hn::Rebind<std::uint16_t, lanes_u32>;

/// The first lanes alone, where there are more than are meant.
HWY_INLINE void store_first(std::size_t number, hn::VFromD<lanes_u16> values, std::uint16_t* out) {
  const lanes_u16 d;
  if (number == hn::Lanes(d)) return hn::StoreU(values, d, out);
  alignas(64) std::uint16_t all[hn::MaxLanes(d)];
  hn::Store(values, d, all);
  std::copy_n(all, std::min<std::size_t>(number, hn::MaxLanes(d)), out);
}

template <bool small>
void bin_of(frame_events events, frame_shape shape, bin_factors by, std::uint16_t* rows, std::uint16_t* columns) {
  const lanes_i32 di;
  const lanes_f32 df;
  const lanes_u16 d16;
  const splitter<small> split(shape.width);
  const auto per_row = hn::Set(df, 1.0F / static_cast<float>(by.rows));
  const auto per_column = hn::Set(df, 1.0F / static_cast<float>(by.columns));
  const auto half = hn::Set(df, 0.5F);
  const auto divided = [&](vector_i32 position, vector_f32 by_one) {  // below 2^20: one product is exact, as in the splitter
    return hn::DemoteTo(d16, hn::ConvertTo(di, hn::Mul(hn::Add(hn::ConvertTo(df, position), half), by_one)));
  };
  for_vectors(events, [&](vector_u32 index, std::size_t number, std::size_t offset) {
    const auto row = split.row(index);
    store_first(number, divided(row, per_row), rows + offset);
    store_first(number, divided(split.column(index, row), per_column), columns + offset);
  });
}

void bin(frame_events events, frame_shape shape, bin_factors by, std::uint16_t* rows, std::uint16_t* columns) {
  return shape.pixels() <= small_pixels ? bin_of<true>(events, shape, by, rows, columns)
                                        : bin_of<false>(events, shape, by, rows, columns);
}

void rows_of(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width, std::uint32_t* out) {
  std::uint32_t begin = 0;
  std::uint32_t first = 0;
  for (const std::uint32_t end : row_end) {
    if (end != begin) sort_row(columns + begin, end - begin, first, out + begin);
    begin = end;
    first += width;
  }
}

void pairs_of(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width, std::uint32_t* out) {
  std::uint32_t begin = 0;
  std::uint32_t first = 0;
  for (std::size_t row = 0; row < row_end.size(); row += 2, first += width) {
    const std::uint32_t end = row_end[row + 1];
    if (end != begin) merge_rows(columns + begin, row_end[row] - begin, end - begin, first, out + begin);
    begin = end;
  }
}

/// One instruction of AVX-512.
constexpr bool has_compress = HWY_TARGET <= HWY_AVX3;

template <bool small>
std::size_t crop_of(frame_events events, frame_shape shape, const detector_window& window, std::uint32_t* out) {
  const lanes_u32 d;
  const lanes_i32 di;
  const splitter<small> split(shape.width);
  const auto first_row = hn::Set(di, static_cast<std::int32_t>(window.row));
  const auto first_column = hn::Set(d, window.column);
  const auto height = hn::Set(d, window.shape.height);
  const auto width = hn::Set(d, window.shape.width);
  const auto one = hn::Set(d, 1U);
  const std::size_t all = hn::Lanes(d);
  static_assert(!has_compress || hn::MaxLanes(d) <= crop_room);
  std::size_t kept = 0;
  for_vectors(events, [&](vector_u32 index, std::size_t number, std::size_t) {
    const auto row = split.row(index);
    const auto from_row = hn::BitCast(d, hn::Sub(row, first_row));
    const auto from_column = hn::Sub(hn::BitCast(d, split.column(index, row)), first_column);
    // What lies before the window wraps to a large number.
    const auto inside = hn::And(hn::Lt(from_row, height), hn::Lt(from_column, width));
    const auto to = hn::Add(hn::Mul(from_row, width), from_column);
    if constexpr (has_compress) {
      const auto known = number == all ? inside : hn::And(inside, hn::FirstN(d, number));
      hn::StoreU(hn::Compress(to, known), d, out + kept);
      kept += hn::CountTrue(d, known);
      return;
    }
    // Lane by lane without a branch: Highway's Compress copies a table to the stack for each vector where AVX2 is all there is.
    alignas(64) std::uint32_t at[hn::MaxLanes(d)];
    alignas(64) std::uint32_t keep[hn::MaxLanes(d)];
    hn::Store(to, d, at);
    hn::Store(hn::IfThenElseZero(inside, one), d, keep);
    for (std::size_t lane = 0; lane < number; ++lane) {
      out[kept] = at[lane];
      kept += keep[lane];
    }
  });
  return kept;
}

std::size_t crop(frame_events events, frame_shape shape, const detector_window& window, std::uint32_t* out) {
  return shape.pixels() <= small_pixels ? crop_of<true>(events, shape, window, out)
                                        : crop_of<false>(events, shape, window, out);
}

template <bool small>
void rings_of(frame_events events, const ring_map& map, const ring_arithmetic& by, std::uint16_t* out) {
  const lanes_i32 di;
  const lanes_f32 df;
  const lanes_u16 d16;
  const splitter<small> split(map.shape.width);
  const auto centre_row = hn::Set(df, by.row);
  const auto centre_column = hn::Set(df, by.column);
  const auto per_step = hn::Set(df, by.per_step);
  const auto middle = hn::Set(df, 0.5F);
  const auto surely = hn::Set(df, 0.5F - by.doubt);
  const auto outside = hn::Set(di, static_cast<std::int32_t>(map.rings));
  for_vectors(events, [&](vector_u32 index, std::size_t number, std::size_t offset) {
    vector_f32 row;
    vector_f32 column;
    split.split(index, row, column);
    row = hn::Sub(row, centre_row);
    column = hn::Sub(column, centre_column);
    const auto distance = hn::Mul(hn::Sqrt(hn::Add(hn::Mul(row, row), hn::Mul(column, column))), per_step);
    const auto whole = hn::Trunc(distance);
    const auto in_doubt = hn::Gt(hn::Abs(hn::Sub(hn::Sub(distance, whole), middle)), surely);
    store_first(number, hn::DemoteTo(d16, hn::Min(hn::ConvertTo(di, whole), outside)), out + offset);
    if (HWY_LIKELY(hn::AllFalse(df, in_doubt))) return;
    alignas(64) float doubtful[hn::MaxLanes(df)];
    hn::Store(hn::IfThenElseZero(in_doubt, middle), df, doubtful);
    for (std::size_t lane = 0; lane < number; ++lane) {
      if (doubtful[lane] == 0) continue;
      const std::size_t i = offset + lane;
      out[i] = static_cast<std::uint16_t>(std::min<std::uint32_t>(map.ring[events[i]], map.rings));
    }
  });
}

void rings(frame_events events, const ring_map& map, const ring_arithmetic& by, std::uint16_t* out) {
  return map.shape.pixels() <= small_pixels ? rings_of<true>(events, map, by, out) : rings_of<false>(events, map, by, out);
}

}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(moments);
HWY_EXPORT(inside);
HWY_EXPORT(bin);
HWY_EXPORT(rows_of);
HWY_EXPORT(pairs_of);
HWY_EXPORT(crop);
HWY_EXPORT(rings);

event_moments frame_moments(frame_events events, frame_shape shape) {
  return HWY_DYNAMIC_DISPATCH(moments)(events, shape);
}

std::uint32_t count_inside(frame_events events, frame_shape shape, const annulus_test& annulus) {
  return HWY_DYNAMIC_DISPATCH(inside)(events, shape, annulus);
}

void bin_positions(frame_events events, frame_shape shape, bin_factors by, std::uint16_t* rows, std::uint16_t* columns) {
  HWY_DYNAMIC_DISPATCH(bin)(events, shape, by, rows, columns);
}

void sort_rows(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width, std::uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(rows_of)(columns, row_end, width, out);
}

void merge_pairs_of_rows(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width,
                         std::uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(pairs_of)(columns, row_end, width, out);
}

std::size_t crop_frame(frame_events events, frame_shape shape, const detector_window& window, std::uint32_t* out) {
  return HWY_DYNAMIC_DISPATCH(crop)(events, shape, window, out);
}

void ring_numbers(frame_events events, const ring_map& map, const ring_arithmetic& by, std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(rings)(events, map, by, out);
}

std::optional<ring_arithmetic> arithmetic_of(const ring_map& map) {
  if (!map.by_distance || !fits_lanes(map.shape)) return std::nullopt;
  const double reach = std::abs(map.centre.row) + std::abs(map.centre.column) + map.shape.height + map.shape.width;
  const double doubt = 16 * reach / map.step * std::numeric_limits<float>::epsilon();
  if (!(doubt < 0.1)) return std::nullopt;
  return ring_arithmetic{static_cast<float>(map.centre.row), static_cast<float>(map.centre.column),
                         static_cast<float>(1 / map.step), static_cast<float>(doubt)};
}

}  // namespace countem::cpu
#endif
