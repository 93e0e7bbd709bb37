// Charges of half-rows in 16-bit numbers, and sums of vectors of them.
//
// Per-target include guard, as Highway has it: included once for each instruction set.
#if defined(COUNTEM_CPU_NARROW_CHARGES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef COUNTEM_CPU_NARROW_CHARGES_INL
#undef COUNTEM_CPU_NARROW_CHARGES_INL
#else
#define COUNTEM_CPU_NARROW_CHARGES_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>

#include "kernels/cpu/row_noise.hpp"

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_HAVE_SCALABLE
using charge_tag = hn::FixedTag<std::int16_t, 8>;  // blocks are added up, and must be there
#else
using charge_tag = hn::ScalableTag<std::int16_t>;
#endif

HWY_INLINE std::int16_t narrow_charge(std::int32_t raw, std::int32_t dark16) {
  const std::int32_t charge = charge_units_per_adu * std::min(raw, narrow_calibration::brightest_raw) - dark16;
  return static_cast<std::int16_t>(std::min<std::int32_t>(charge, narrow_calibration::masked));
}

#if HWY_TARGET != HWY_SCALAR

/// Adds 1 to the lanes of `found` whose number is below `limit`.
template <class Vector>
HWY_INLINE Vector add_below(Vector found, Vector numbers, Vector limit) {
  const charge_tag tag;
#if HWY_TARGET <= HWY_AVX3
  return hn::IfThenElse(hn::Lt(numbers, limit), hn::Add(found, hn::Set(tag, std::int16_t{1})), found);
#else
  return hn::Sub(found, hn::VecFromMask(tag, hn::Lt(numbers, limit)));
#endif
}

/// Lanes of 16 bits added up to half as many of 32.
template <class Vector>
HWY_INLINE auto wide_sums(Vector numbers) {
  const charge_tag tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  auto rest = hn::Zero(sum_tag);
  const auto sums = hn::ReorderWidenMulAccumulate(sum_tag, numbers, hn::Set(tag, std::int16_t{1}), hn::Zero(sum_tag), rest);
  return hn::Add(sums, rest);
}

template <class Vector>
HWY_INLINE std::int64_t sum_of(Vector numbers) {
  return hn::GetLane(hn::SumOfLanes(hn::RepartitionToWide<charge_tag>(), wide_sums(numbers)));
}

/// The 128-bit blocks of a vector added up.
template <class Tag, class Vector>
HWY_INLINE auto sum_of_blocks(Tag tag, Vector vector) {
  if constexpr (hn::MaxLanes(tag) * sizeof(hn::TFromD<Tag>) > 16) {
    const hn::Half<Tag> half;
    return sum_of_blocks(half, hn::Add(hn::LowerHalf(half, vector), hn::UpperHalf(half, vector)));
  } else {
    return vector;
  }
}

/// The lanes of each of four vectors of 32-bit numbers added up: one number for each vector. Far cheaper than one by one.
template <class Tag, class Vector>
HWY_INLINE auto four_sums(Tag tag, Vector a, Vector b, Vector c, Vector d) {
  const hn::Repartition<std::int64_t, Tag> pair_tag;
  // Halves of blocks on top of each other, twice, and then the blocks.
  const auto fold = [&](auto first, auto second) {
    return hn::BitCast(pair_tag, hn::Add(hn::InterleaveLower(tag, first, second), hn::InterleaveUpper(tag, first, second)));
  };
  const auto first = fold(a, b);
  const auto second = fold(c, d);
  return sum_of_blocks(tag, hn::Add(hn::BitCast(tag, hn::InterleaveLower(pair_tag, first, second)),
                                    hn::BitCast(tag, hn::InterleaveUpper(pair_tag, first, second))));
}

#endif

/// Where what is counted ends, for both halves of a row alike: whole vectors, filled up with missing charges.
HWY_INLINE std::size_t counted(const narrow_half_row& half) {
  const std::size_t lanes = hn::Lanes(charge_tag());
  return (half.longer_count + lanes - 1) / lanes * lanes;
}

#if HWY_TARGET != HWY_SCALAR

/// The charges of a vector of raw pixels; 0 is the dark of all where there is no `dark16`.
template <class Tag, class Pixel>
HWY_INLINE auto charges_at(Tag tag, const Pixel* raw, const std::int16_t* dark16) {
  const hn::RebindToUnsigned<Tag> raw_tag;
  const auto brightest = hn::Set(raw_tag, static_cast<std::uint16_t>(narrow_calibration::brightest_raw));
  const auto wide = [&] {
    if constexpr (sizeof(Pixel) == 1) {
      return hn::PromoteTo(raw_tag, hn::LoadU(hn::Rebind<std::uint8_t, Tag>(), raw));
    } else {
      return hn::LoadU(raw_tag, raw);
    }
  }();
  const auto charge = hn::BitCast(tag, hn::ShiftLeft<4>(hn::Min(wide, brightest)));
  return dark16 == nullptr ? charge : hn::SaturatedSub(charge, hn::LoadU(tag, dark16));
}

#endif

/// Charges of a half-row, and where `Summed` the sum of them, each cut as the half-row has it.
template <bool Summed, class Pixel>
HWY_INLINE void load_charges(const Pixel* raw, const std::int16_t* dark16, std::uint16_t masked, narrow_half_row& half) {
  const std::size_t count = half.count;
  std::int16_t* const charges = half.charges;
  const std::int16_t from = half.cut_from;
  const std::int16_t to = half.cut_to;
  std::size_t i = 0;
  half.near_sum = 0;
#if HWY_TARGET != HWY_SCALAR
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const auto one = hn::Set(tag, std::int16_t{1});
  const auto lowest = hn::Set(tag, from);
  const auto highest = hn::Set(tag, to);
  auto sum = hn::Zero(sum_tag);
  auto other_sum = hn::Zero(sum_tag);
  for (; i + lanes <= count; i += lanes) {
    const auto charge = charges_at(tag, raw + i, dark16 == nullptr ? nullptr : dark16 + i);
    hn::StoreU(charge, tag, charges + i);
    // Products with 1, added in pairs: half-rows are short enough for 32 bits.
    if constexpr (Summed)
      sum = hn::ReorderWidenMulAccumulate(sum_tag, hn::Max(hn::Min(charge, highest), lowest), one, sum, other_sum);
  }
  if constexpr (Summed) half.near_sum = hn::GetLane(hn::SumOfLanes(sum_tag, hn::Add(sum, other_sum)));
#endif
  for (; i < count; ++i) {
    charges[i] = narrow_charge(raw[i], dark16 == nullptr ? 0 : dark16[i]);
    half.near_sum += std::clamp(charges[i], from, to);
  }
  half.near_sum -= std::int64_t{masked} * to;
  half.masked = masked;
  half.number = static_cast<std::int64_t>(count) - masked;
  half.missing = static_cast<std::int64_t>(counted(half) - count);
}

/// The sum of the charges that are loaded, each cut as the half-row has it now.
HWY_INLINE void sum_charges(narrow_half_row& half) {
  half.near_sum = 0;
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < half.count; ++i) half.near_sum += std::clamp(half.charges[i], half.cut_from, half.cut_to);
  const std::int64_t missing = half.missing - static_cast<std::int64_t>(counted(half) - half.count);
#else
  const charge_tag tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const auto one = hn::Set(tag, std::int16_t{1});
  const auto lowest = hn::Set(tag, half.cut_from);
  const auto highest = hn::Set(tag, half.cut_to);
  auto sum = hn::Zero(sum_tag);
  auto other_sum = hn::Zero(sum_tag);
  for (std::size_t i = 0; i < counted(half); i += hn::Lanes(tag)) {
    const auto charge = hn::LoadU(tag, half.charges + i);
    sum = hn::ReorderWidenMulAccumulate(sum_tag, hn::Max(hn::Min(charge, highest), lowest), one, sum, other_sum);
  }
  half.near_sum = hn::GetLane(hn::SumOfLanes(sum_tag, hn::Add(sum, other_sum)));
  const std::int64_t missing = half.missing;
#endif
  half.near_sum -= half.masked * half.cut_to + missing * half.cut_from;
}

/// A pixel of those loaded has no charge.
void set_missing(narrow_half_row& half, std::size_t pixel) {
  std::int16_t& charge = half.charges[pixel];
  if (charge == narrow_calibration::missing) return;
  if (charge == narrow_calibration::masked) {
    --half.masked;
  } else {
    --half.number;
    half.near_sum -= std::clamp(charge, half.cut_from, half.cut_to);
  }
  ++half.missing;
  charge = narrow_calibration::missing;
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
