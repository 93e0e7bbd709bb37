// Vectors of linear indices: loops over the events of a frame, and rows and columns of them.
//
// Per-target include guard, as Highway has it: included once for each instruction set.
#if defined(COUNTEM_CPU_INDEX_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef COUNTEM_CPU_INDEX_LANES_INL
#undef COUNTEM_CPU_INDEX_LANES_INL
#else
#define COUNTEM_CPU_INDEX_LANES_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

/// Splits linear indices into row and column. Members are numbers: vectors of scalable targets may not be members.
template <bool small>
class splitter {
 public:
  explicit splitter(std::uint32_t width)
      : width_(static_cast<std::int32_t>(width)),
        width_f32_(static_cast<float>(width)),
        per_width_(1.0F / static_cast<float>(width)) {}

  [[nodiscard]] HWY_INLINE vector_i32 row(vector_u32 index) const {
    const lanes_i32 di;
    const lanes_f32 df;
    const auto signed_index = hn::BitCast(di, index);
    const auto position = hn::Add(hn::ConvertTo(df, signed_index), hn::Set(df, 0.5F));
    const auto estimate = hn::ConvertTo(di, hn::Mul(position, hn::Set(df, per_width_)));
    if constexpr (small) return estimate;
    const auto width = hn::Set(di, width_);
    const auto rest = hn::Sub(signed_index, hn::Mul(estimate, width));
    const auto one = hn::Set(di, 1);
    const auto too_high = hn::IfThenElseZero(hn::Lt(rest, hn::Zero(di)), one);
    const auto too_low = hn::IfThenElseZero(hn::Gt(rest, hn::Sub(width, one)), one);
    return hn::Add(hn::Sub(estimate, too_high), too_low);
  }

  [[nodiscard]] HWY_INLINE vector_i32 column(vector_u32 index, vector_i32 row) const {
    return hn::Sub(hn::BitCast(lanes_i32(), index), hn::Mul(row, hn::Set(lanes_i32(), width_)));
  }

  HWY_INLINE void split(vector_u32 index, vector_f32& row_out, vector_f32& column_out) const {
    const lanes_f32 df;
    const lanes_i32 di;
    if constexpr (small) {
      const auto position = hn::ConvertTo(df, hn::BitCast(di, index));
      row_out = hn::Trunc(hn::Mul(hn::Add(position, hn::Set(df, 0.5F)), hn::Set(df, per_width_)));
      column_out = hn::NegMulAdd(row_out, hn::Set(df, width_f32_), position);  // integers below 2^24: exact, fused or not
    } else {
      const auto whole = row(index);
      row_out = hn::ConvertTo(df, whole);
      column_out = hn::ConvertTo(df, column(index, whole));
    }
  }

 private:
  std::int32_t width_;
  float width_f32_;
  float per_width_;
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

}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
