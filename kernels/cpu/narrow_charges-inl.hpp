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

/// -1 where a number is below `limit`, without a round trip through mask registers, which are slow where there are any.
template <class Vector>
HWY_INLINE Vector minus_one_below(Vector numbers, Vector limit) {
#if HWY_TARGET <= HWY_AVX3
  return hn::ShiftRight<15>(hn::SaturatedSub(numbers, limit));
#else
  return hn::VecFromMask(charge_tag(), hn::Lt(numbers, limit));
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

/// The lanes of each of two vectors of 32-bit numbers added up, with one way out of vector registers for both.
template <class Tag, class Vector>
HWY_INLINE std::array<std::int32_t, 2> two_sums(Tag tag, Vector a, Vector b) {
  alignas(16) std::array<std::int32_t, 4> twice;  // a, b, a, b
  const hn::FixedTag<std::int32_t, 4> four;
  hn::Store(sum_of_blocks(tag, hn::Add(hn::InterleaveLower(tag, a, b), hn::InterleaveUpper(tag, a, b))), four, twice.data());
  return {twice[0] + twice[2], twice[1] + twice[3]};
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

/// Charges of a half-row, and with a background for each pixel those of them that are quiet.
template <bool PerPixel, class Pixel>
HWY_INLINE void load_charges(const Pixel* raw, [[maybe_unused]] const Pixel* ahead, const std::int16_t* dark16,
                             const std::int16_t* background, std::int16_t everywhere, narrow_half_row& half) {
  const std::size_t count = half.count;
  std::int16_t* const charges = half.charges;
  std::int16_t* const quiet = half.quiet;
  [[maybe_unused]] const charge_tag tag;
  [[maybe_unused]] const std::size_t lanes = hn::Lanes(tag);
  std::size_t i = 0;
  half.quiet_sum = 0;
  half.quiet_count = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::RebindToUnsigned<charge_tag> raw_tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const auto brightest = hn::Set(raw_tag, static_cast<std::uint16_t>(narrow_calibration::brightest_raw));
  const auto one = hn::Set(tag, std::int16_t{1});
  auto sum = hn::Zero(sum_tag);
  auto other_sum = hn::Zero(sum_tag);
  auto loud_ones = hn::Zero(tag);  // minus one for each; a lane sees fewer than 2^15
  for (; i + lanes <= count; i += lanes) {
    if (ahead != nullptr) __builtin_prefetch(ahead + i, 0, 2);
    const auto wide = [&, at = raw + i] {
      if constexpr (sizeof(Pixel) == 1) {
        return hn::PromoteTo(raw_tag, hn::LoadU(hn::Rebind<std::uint8_t, charge_tag>(), at));
      } else {
        return hn::LoadU(raw_tag, at);
      }
    }();
    auto charge = hn::BitCast(tag, hn::ShiftLeft<4>(hn::Min(wide, brightest)));
    if (dark16 != nullptr) charge = hn::SaturatedSub(charge, hn::LoadU(tag, dark16 + i));
    hn::StoreU(charge, tag, charges + i);
    const auto limit = PerPixel ? hn::LoadU(tag, background + i) : hn::Set(tag, everywhere);
    const auto is_loud = minus_one_below(limit, charge);
    if constexpr (PerPixel)
      hn::StoreU(hn::Or(hn::And(is_loud, hn::Set(tag, narrow_calibration::masked)), hn::AndNot(is_loud, charge)), tag,
                 quiet + i);
    loud_ones = hn::Add(loud_ones, is_loud);
    // Products with 1, added in pairs: half-rows are short enough for 32 bits.
    sum = hn::ReorderWidenMulAccumulate(sum_tag, hn::AndNot(is_loud, charge), one, sum, other_sum);
  }
  const auto [quiet_sum, minus_loud] = two_sums(sum_tag, hn::Add(sum, other_sum), wide_sums(loud_ones));
  half.quiet_sum = quiet_sum;
  half.quiet_count = static_cast<std::int64_t>(i) + minus_loud;
#endif
  for (; i < count; ++i) {
    charges[i] = narrow_charge(raw[i], dark16 == nullptr ? 0 : dark16[i]);
    const bool is_quiet = charges[i] <= (PerPixel ? background[i] : everywhere);
    if constexpr (PerPixel) quiet[i] = is_quiet ? charges[i] : narrow_calibration::masked;
    half.quiet_count += is_quiet ? 1 : 0;
    half.quiet_sum += is_quiet ? charges[i] : 0;
  }
  half.missing = static_cast<std::int64_t>(counted(half) - count);
}

/// A pixel of those loaded has no charge.
void set_missing(narrow_half_row& half, std::size_t pixel, const std::int16_t* background, std::int16_t everywhere) {
  const std::int32_t charge = half.charges[pixel];
  const bool is_quiet = charge <= (background == nullptr ? everywhere : background[pixel]);
  const std::int32_t was_there = charge != narrow_calibration::missing ? 1 : 0;
  const std::int32_t was_quiet = was_there & static_cast<std::int32_t>(is_quiet);
  half.quiet_count -= was_quiet;
  half.quiet_sum -= was_quiet * charge;
  half.missing += was_there;
  half.charges[pixel] = narrow_calibration::missing;
  half.quiet[pixel] = narrow_calibration::missing;
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
