// A sorting network for the columns of one row of events, and for those of two rows that become one.
//
// Per-target include guard, as Highway has it: included once for each instruction set.
#if defined(COUNTEM_CPU_ROW_SORT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef COUNTEM_CPU_ROW_SORT_INL
#undef COUNTEM_CPU_ROW_SORT_INL
#else
#define COUNTEM_CPU_ROW_SORT_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE

/// Where there are no vectors, or none that an array could hold.
void sort_row(const std::uint16_t* columns, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  std::transform(columns, columns + number, out, [&](std::uint16_t column) { return first + column; });
  std::sort(out, out + number);
}

void merge_rows(const std::uint16_t* columns, std::size_t upper, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  static_cast<void>(upper);
  sort_row(columns, number, first, out);
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

template <std::size_t Vectors>
HWY_INLINE void store_row(const vector_u16* v, std::uint32_t first, std::uint32_t* out) {
  const hn::FixedTag<std::uint32_t, 4> d32;
  const auto base = hn::Set(d32, first);
  for (std::size_t i = 0; i < Vectors; ++i) {
    hn::StoreU(hn::Add(base, hn::PromoteTo(d32, hn::LowerHalf(v[i]))), d32, out + 8 * i);
    hn::StoreU(hn::Add(base, hn::PromoteTo(d32, hn::UpperHalf(hn::Half<eight>(), v[i]))), d32, out + 8 * i + 4);
  }
}

/// Sorts the columns of a row that fit Vectors vectors; what the lanes behind them hold comes out last and means nothing.
template <std::size_t Vectors>
HWY_INLINE void sort_with(const std::uint16_t* columns, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  const eight d;
  vector_u16 v[Vectors];
  for (std::size_t i = 0; i < Vectors; ++i) {
    const auto lane = hn::Iota(d, static_cast<std::uint16_t>(8 * i));
    const auto inside = hn::Lt(lane, hn::Set(d, static_cast<std::uint16_t>(number)));
    v[i] = hn::IfThenElse(inside, hn::LoadU(d, columns + 8 * i), hn::Set(d, std::uint16_t{0xffff}));
  }
  network<Vectors>::sort(v);
  store_row<Vectors>(v, first, out);
}

/// The same for columns of which the first `upper` ascend, and those behind them, too: with the second ones backwards behind
/// them they rise and then fall.
template <std::size_t Vectors>
HWY_INLINE void merge_with(const std::uint16_t* columns, std::size_t upper, std::size_t number, std::uint32_t first,
                           std::uint32_t* out) {
  const eight d;
  constexpr std::size_t lanes = 8 * Vectors;
  const auto end_of_upper = hn::Set(d, static_cast<std::uint16_t>(upper));
  const auto begin_of_lower = hn::Set(d, static_cast<std::uint16_t>(lanes - (number - upper)));
  vector_u16 v[Vectors];
  for (std::size_t i = 0; i < Vectors; ++i) {
    const auto lane = hn::Iota(d, static_cast<std::uint16_t>(8 * i));
    const auto backwards = hn::Reverse8(d, hn::LoadU(d, columns + upper + lanes - 8 * i - 8));
    const auto behind = hn::IfThenElse(hn::Lt(lane, begin_of_lower), hn::Set(d, std::uint16_t{0xffff}), backwards);
    v[i] = hn::IfThenElse(hn::Lt(lane, end_of_upper), hn::LoadU(d, columns + 8 * i), behind);
  }
  network<Vectors>::merge(v);
  store_row<Vectors>(v, first, out);
}

void sort_row(const std::uint16_t* columns, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  if (number <= 8) return sort_with<1>(columns, number, first, out);
  if (number <= 16) return sort_with<2>(columns, number, first, out);
  if (number <= 32) return sort_with<4>(columns, number, first, out);
  return sort_with<8>(columns, number, first, out);
}

void merge_rows(const std::uint16_t* columns, std::size_t upper, std::size_t number, std::uint32_t first, std::uint32_t* out) {
  if (number <= 8) return merge_with<1>(columns, upper, number, first, out);
  if (number <= 16) return merge_with<2>(columns, upper, number, first, out);
  if (number <= 32) return merge_with<4>(columns, upper, number, first, out);
  return merge_with<8>(columns, upper, number, first, out);
}

#endif

}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
