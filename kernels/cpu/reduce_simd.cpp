#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/reduce_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/cpu/reduce_simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using lanes_u32 = hn::ScalableTag<std::uint32_t>;
using lanes_i32 = hn::RebindToSigned<lanes_u32>;
using lanes_f32 = hn::RebindToFloat<lanes_u32>;
using vector_u32 = hn::VFromD<lanes_u32>;
using vector_i32 = hn::VFromD<lanes_i32>;
using vector_f32 = hn::VFromD<lanes_f32>;

/// Frames up to this size divide exactly by one float32 product: index + 1/2 is exact, two roundings move the quotient by less
/// than height * 2^-23, and (index + 1/2) / width stays 1 / (2 * width) away from the next row. Larger ones correct the
/// quotient by one.
constexpr std::uint64_t small_pixels = 4'000'000;

/// Splits linear indices into row and column.
template <bool small>
class splitter {
 public:
  explicit splitter(std::uint32_t width)
      : width_(hn::Set(lanes_i32(), static_cast<std::int32_t>(width))),
        width_f32_(hn::Set(lanes_f32(), static_cast<float>(width))),
        per_width_(hn::Set(lanes_f32(), 1.0F / static_cast<float>(width))) {}

  [[nodiscard]] HWY_INLINE vector_i32 row(vector_u32 index) const {
    const lanes_i32 di;
    const lanes_f32 df;
    const auto signed_index = hn::BitCast(di, index);
    const auto estimate = hn::ConvertTo(di, hn::Mul(hn::Add(hn::ConvertTo(df, signed_index), hn::Set(df, 0.5F)), per_width_));
    if constexpr (small) return estimate;
    const auto rest = hn::Sub(signed_index, hn::Mul(estimate, width_));
    const auto one = hn::Set(di, 1);
    const auto too_high = hn::IfThenElseZero(hn::Lt(rest, hn::Zero(di)), one);
    const auto too_low = hn::IfThenElseZero(hn::Gt(rest, hn::Sub(width_, one)), one);
    return hn::Add(hn::Sub(estimate, too_high), too_low);
  }

  [[nodiscard]] HWY_INLINE vector_i32 column(vector_u32 index, vector_i32 row) const {
    return hn::Sub(hn::BitCast(lanes_i32(), index), hn::Mul(row, width_));
  }

  HWY_INLINE void split(vector_u32 index, vector_f32& row_out, vector_f32& column_out) const {
    const lanes_f32 df;
    const lanes_i32 di;
    if constexpr (small) {
      const auto position = hn::ConvertTo(df, hn::BitCast(di, index));
      row_out = hn::Trunc(hn::Mul(hn::Add(position, hn::Set(df, 0.5F)), per_width_));
      column_out = hn::NegMulAdd(row_out, width_f32_, position);  // integers below 2^24: exact, fused or not
    } else {
      const auto whole = row(index);
      row_out = hn::ConvertTo(df, whole);
      column_out = hn::ConvertTo(df, column(index, whole));
    }
  }

 private:
  vector_i32 width_;
  vector_f32 width_f32_;
  vector_f32 per_width_;
};

/// Calls work(vector of events, number of them, their offset) until all are taken; lanes beyond the number are 0.
template <class Work>
HWY_INLINE void for_vectors(frame_events events, Work work) {
  const lanes_u32 d;
  const std::size_t n = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + n <= events.size(); i += n) work(hn::LoadU(d, events.data() + i), n, i);
  const std::size_t left = events.size() - i;
  if (left == 0) return;
  alignas(64) std::uint32_t last[hn::MaxLanes(d)] = {};
  std::copy_n(events.data() + i, left, last);
  work(hn::Load(d, last), left, i);
}

/// Sum over all lanes, in 64 bits.
HWY_INLINE std::uint64_t total(vector_u32 values) {
  const lanes_u32 d;
  alignas(64) std::uint32_t lanes[hn::MaxLanes(d)];
  hn::Store(values, d, lanes);
  return std::accumulate(lanes, lanes + hn::Lanes(d), std::uint64_t{0});
}

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

template <bool small>
void bin_of(frame_events events, frame_shape shape, std::uint32_t factor, std::uint16_t* rows, std::uint16_t* columns) {
  const lanes_i32 di;
  const lanes_f32 df;
  const hn::Rebind<std::uint16_t, lanes_i32> d16;
  const splitter<small> split(shape.width);
  const auto per_factor = hn::Set(df, 1.0F / static_cast<float>(factor));
  const auto half = hn::Set(df, 0.5F);
  const auto divided = [&](vector_i32 position) {  // below 2^20: one product is exact, as in the splitter
    return hn::DemoteTo(d16, hn::ConvertTo(di, hn::Mul(hn::Add(hn::ConvertTo(df, position), half), per_factor)));
  };
  const std::size_t all = hn::Lanes(di);
  for_vectors(events, [&](vector_u32 index, std::size_t number, std::size_t offset) {
    const auto row = split.row(index);
    const auto column = divided(split.column(index, row));
    if (number == all) {
      hn::StoreU(divided(row), d16, rows + offset);
      hn::StoreU(column, d16, columns + offset);
    } else {
      alignas(64) std::uint16_t last[2][hn::MaxLanes(di)];
      hn::Store(divided(row), d16, last[0]);
      hn::Store(column, d16, last[1]);
      std::copy_n(last[0], number, rows + offset);
      std::copy_n(last[1], number, columns + offset);
    }
  });
}

void bin(frame_events events, frame_shape shape, std::uint32_t factor, std::uint16_t* rows, std::uint16_t* columns) {
  return shape.pixels() <= small_pixels ? bin_of<true>(events, shape, factor, rows, columns)
                                        : bin_of<false>(events, shape, factor, rows, columns);
}

#if HWY_TARGET == HWY_SCALAR

void sort_row(const std::uint16_t* columns, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  std::transform(columns, columns + number, out, [&](std::uint16_t column) { return first + column; });
  std::sort(out, out + number);
}

#else

using eight = hn::FixedTag<std::uint16_t, 8>;
using vector_u16 = hn::VFromD<eight>;

/// One step of a sorting network inside a vector: `partner` has each lane's counterpart; the odd ones of the lanes of type
/// Group keep the larger.
template <class Group>
HWY_INLINE vector_u16 exchange(vector_u16 v, vector_u16 partner) {
  const eight d;
  const hn::Repartition<Group, eight> dg;
  return hn::BitCast(d, hn::OddEven(hn::BitCast(dg, hn::Max(v, partner)), hn::BitCast(dg, hn::Min(v, partner))));
}

/// A bitonic sorting network over Vectors * 8 keys. merge() sorts what rises and then falls, or the other way round. Each size
/// is a function of its own: all in one would take minutes to compile with sanitizers.
template <std::size_t Vectors>
struct network {
  static HWY_NOINLINE void sort(vector_u16* v) {
    network<Vectors / 2>::sort(v);
    network<Vectors / 2>::sort(v + Vectors / 2);
    vector_u16 larger[Vectors / 2];
    for (std::size_t i = 0; i < Vectors / 2; ++i) {  // the second half is read backwards
      const auto partner = hn::Reverse8(eight(), v[Vectors - 1 - i]);
      larger[i] = hn::Max(v[i], partner);
      v[i] = hn::Min(v[i], partner);
    }
    std::copy_n(larger, Vectors / 2, v + Vectors / 2);
    network<Vectors / 2>::merge(v);
    network<Vectors / 2>::merge(v + Vectors / 2);
  }
  static HWY_NOINLINE void merge(vector_u16* v) {
    for (std::size_t i = 0; i < Vectors / 2; ++i) {
      const auto smaller = hn::Min(v[i], v[Vectors / 2 + i]);
      v[Vectors / 2 + i] = hn::Max(v[i], v[Vectors / 2 + i]);
      v[i] = smaller;
    }
    network<Vectors / 2>::merge(v);
    network<Vectors / 2>::merge(v + Vectors / 2);
  }
};
template <>
struct network<1> {
  static HWY_INLINE void sort(vector_u16* v) {
    const eight d;
    v[0] = exchange<std::uint16_t>(v[0], hn::Reverse2(d, v[0]));
    v[0] = exchange<std::uint32_t>(v[0], hn::Reverse4(d, v[0]));
    v[0] = exchange<std::uint16_t>(v[0], hn::Reverse2(d, v[0]));
    v[0] = exchange<std::uint64_t>(v[0], hn::Reverse8(d, v[0]));  // the second half is read backwards
    merge_halves(v);
  }
  static HWY_INLINE void merge(vector_u16* v) {
    const eight d;
    const hn::Repartition<std::uint64_t, eight> d64;
    v[0] = exchange<std::uint64_t>(v[0], hn::BitCast(d, hn::Reverse2(d64, hn::BitCast(d64, v[0]))));
    merge_halves(v);
  }
  /// merge() of each half for itself.
  static HWY_INLINE void merge_halves(vector_u16* v) {
    const eight d;
    const hn::Repartition<std::uint32_t, eight> d32;
    v[0] = exchange<std::uint32_t>(v[0], hn::BitCast(d, hn::Reverse2(d32, hn::BitCast(d32, v[0]))));
    v[0] = exchange<std::uint16_t>(v[0], hn::Reverse2(d, v[0]));
  }
};

/// Sorts the columns of a row that fit Vectors vectors; what the lanes behind them hold comes out last and means nothing.
template <std::size_t Vectors>
HWY_INLINE void sort_with(const std::uint16_t* columns, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  const eight d;
  const hn::FixedTag<std::uint32_t, 4> d32;
  vector_u16 v[Vectors];
  for (std::size_t i = 0; i < Vectors; ++i) {
    const auto lane = hn::Iota(d, static_cast<std::uint16_t>(8 * i));
    const auto inside = hn::Lt(lane, hn::Set(d, static_cast<std::uint16_t>(number)));
    v[i] = hn::IfThenElse(inside, hn::LoadU(d, columns + 8 * i), hn::Set(d, std::uint16_t{0xffff}));
  }
  network<Vectors>::sort(v);
  for (std::size_t i = 0; i < Vectors; ++i) {
    const auto base = hn::Set(d32, first);
    hn::StoreU(hn::Add(base, hn::PromoteTo(d32, hn::LowerHalf(v[i]))), d32, out + 8 * i);
    hn::StoreU(hn::Add(base, hn::PromoteTo(d32, hn::UpperHalf(hn::Half<eight>(), v[i]))), d32, out + 8 * i + 4);
  }
}

void sort_row(const std::uint16_t* columns, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  if (number <= 8) return sort_with<1>(columns, number, first, out);
  if (number <= 16) return sort_with<2>(columns, number, first, out);
  if (number <= 32) return sort_with<4>(columns, number, first, out);
  return sort_with<8>(columns, number, first, out);
}

#endif

void rows_of(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width, std::uint32_t* out) {
  std::uint32_t begin = 0;
  std::uint32_t first = 0;
  for (const std::uint32_t end : row_end) {
    if (end != begin) sort_row(columns + begin, end - begin, first, out + begin);
    begin = end;
    first += width;
  }
}

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
  std::size_t kept = 0;
  for_vectors(events, [&](vector_u32 index, std::size_t number, std::size_t) {
    const auto row = split.row(index);
    const auto from_row = hn::BitCast(d, hn::Sub(row, first_row));
    const auto from_column = hn::Sub(hn::BitCast(d, split.column(index, row)), first_column);
    // What lies before the window wraps to a large number.
    const auto inside = hn::And(hn::Lt(from_row, height), hn::Lt(from_column, width));
    // Lane by lane without a branch: Highway's Compress copies a table to the stack for each vector where AVX2 is all there is.
    alignas(64) std::uint32_t to[hn::MaxLanes(d)];
    alignas(64) std::uint32_t keep[hn::MaxLanes(d)];
    hn::Store(hn::Add(hn::Mul(from_row, width), from_column), d, to);
    hn::Store(hn::IfThenElseZero(inside, one), d, keep);
    for (std::size_t lane = 0; lane < number; ++lane) {
      out[kept] = to[lane];
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
void rings_of(frame_events events, const ring_map& map, const ring_arithmetic& by, std::uint32_t* out) {
  const lanes_u32 d;
  const lanes_f32 df;
  const splitter<small> split(map.shape.width);
  const auto centre_row = hn::Set(df, by.row);
  const auto centre_column = hn::Set(df, by.column);
  const auto per_step = hn::Set(df, by.per_step);
  const auto middle = hn::Set(df, 0.5F);
  const auto surely = hn::Set(df, 0.5F - by.doubt);
  const auto outside = hn::Set(d, map.rings);
  const std::size_t all = hn::Lanes(d);
  for_vectors(events, [&](vector_u32 index, std::size_t number, std::size_t offset) {
    vector_f32 row;
    vector_f32 column;
    split.split(index, row, column);
    row = hn::Sub(row, centre_row);
    column = hn::Sub(column, centre_column);
    const auto distance = hn::Mul(hn::Sqrt(hn::Add(hn::Mul(row, row), hn::Mul(column, column))), per_step);
    const auto whole = hn::Trunc(distance);
    const auto in_doubt = hn::Gt(hn::Abs(hn::Sub(hn::Sub(distance, whole), middle)), surely);
    if (number == all && hn::AllFalse(df, in_doubt)) {
      const auto ring = hn::BitCast(d, hn::ConvertTo(hn::RebindToSigned<lanes_u32>(), whole));
      hn::StoreU(hn::Min(ring, outside), d, out + offset);
    } else {
      for (std::size_t i = offset; i < offset + number; ++i) out[i] = std::min<std::uint32_t>(map.ring[events[i]], map.rings);
    }
  });
}

void rings(frame_events events, const ring_map& map, const ring_arithmetic& by, std::uint32_t* out) {
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
HWY_EXPORT(crop);
HWY_EXPORT(rings);

event_moments frame_moments(frame_events events, frame_shape shape) {
  return HWY_DYNAMIC_DISPATCH(moments)(events, shape);
}

std::uint32_t count_inside(frame_events events, frame_shape shape, const annulus_test& annulus) {
  return HWY_DYNAMIC_DISPATCH(inside)(events, shape, annulus);
}

void bin_positions(frame_events events, frame_shape shape, std::uint32_t factor, std::uint16_t* rows, std::uint16_t* columns) {
  HWY_DYNAMIC_DISPATCH(bin)(events, shape, factor, rows, columns);
}

void sort_rows(const std::uint16_t* columns, std::span<const std::uint32_t> row_end, std::uint32_t width, std::uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(rows_of)(columns, row_end, width, out);
}

std::size_t crop_frame(frame_events events, frame_shape shape, const detector_window& window, std::uint32_t* out) {
  return HWY_DYNAMIC_DISPATCH(crop)(events, shape, window, out);
}

void ring_numbers(frame_events events, const ring_map& map, const ring_arithmetic& by, std::uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(rings)(events, map, by, out);
}

std::optional<ring_arithmetic> arithmetic_of(const ring_map& map) {
  if (!fits_lanes(map.shape)) return std::nullopt;
  const double reach = std::abs(map.centre.row) + std::abs(map.centre.column) + map.shape.height + map.shape.width;
  const double doubt = 16 * reach / map.step * std::numeric_limits<float>::epsilon();
  if (!(doubt < 0.1)) return std::nullopt;
  return ring_arithmetic{static_cast<float>(map.centre.row), static_cast<float>(map.centre.column),
                         static_cast<float>(1 / map.step), static_cast<float>(doubt)};
}

}  // namespace countem::cpu
#endif
