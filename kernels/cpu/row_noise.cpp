#include "kernels/cpu/row_noise.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "kernels/cpu/widest_vector.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/row_noise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef COUNTEM_CPU_ROW_NOISE_TYPES
#define COUNTEM_CPU_ROW_NOISE_TYPES
namespace countem::cpu {

struct noise_scratch {
  std::span<narrow_half_row> halves;
  std::uint64_t* words;
  row_noise_method method;
};

inline std::int64_t floor_divide(std::int64_t numerator, std::int64_t positive_denominator) {
  const std::int64_t quotient = numerator / positive_denominator;
  return quotient * positive_denominator > numerator ? quotient - 1 : quotient;
}
inline std::int32_t rounded_mean(std::int64_t sum, std::int64_t number) {
  return static_cast<std::int32_t>(floor_divide(2 * sum + number, 2 * number));
}
inline std::int32_t rounded_middle(std::int64_t low, std::int64_t high) {
  return static_cast<std::int32_t>((low + high + 1) >> 1);
}

}  // namespace countem::cpu
#endif

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

/// How many charges are at most `limit`, which is less than the largest number.
HWY_INLINE std::int64_t count_up_to(const narrow_half_row& half, std::int32_t limit) {
#if HWY_TARGET == HWY_SCALAR
  const std::span<const std::int16_t> charges(half.quiet, counted(half));
  return std::count_if(charges.begin(), charges.end(), [&](std::int16_t charge) { return charge <= limit; });
#else
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const std::size_t end = counted(half);
  const auto too_high = hn::Set(tag, static_cast<std::int16_t>(limit + 1));
  auto found = hn::Zero(tag);
  for (std::size_t i = 0; i < end; i += lanes)
    found = hn::Sub(found, minus_one_below(hn::LoadU(tag, half.quiet + i), too_high));
  return sum_of(found);
#endif
}

/// The smallest charge above `limit`.
HWY_INLINE std::int32_t next_above(const narrow_half_row& half, std::int32_t limit) {
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const std::size_t end = counted(half);
  const auto lowest = hn::Set(tag, static_cast<std::int16_t>(limit));
  const auto highest = hn::Set(tag, narrow_calibration::masked);
  auto next = highest;
  for (std::size_t i = 0; i < end; i += lanes) {
    const auto charge = hn::LoadU(tag, half.quiet + i);
    next = hn::Min(next, hn::IfThenElse(hn::Gt(charge, lowest), charge, highest));
  }
  return hn::GetLane(hn::MinOfLanes(tag, next));
}

/// Searches for lower medians, each the quiet charge with `rank` others before it in ascending order. At most `rank` charges
/// are up to `below`, and `up_to_found`, which are more, are up to the value behind it.
constexpr std::size_t searched_at_once = 4;
constexpr std::size_t most_halves = 2 * narrow_rows<std::uint8_t>::most_frames;
struct median_searches {
  alignas(16) std::array<std::int32_t, searched_at_once> rank{};
  alignas(16) std::array<std::int32_t, searched_at_once> below{};
  alignas(16) std::array<std::int32_t, searched_at_once> below_known{};  // 0: below is a guess
  alignas(16) std::array<std::int32_t, searched_at_once> up_to_found{};  // 0: so is what lies behind it
};

/// Tries the values `step` behind `below`: where too few charges are up to one, it is the new `below`. Without branches, since
/// that cannot be predicted.
HWY_INLINE void try_values(const narrow_half_row* halves, std::int32_t step, median_searches& searches) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < searched_at_once; ++i) {
    const auto up_to = static_cast<std::int32_t>(count_up_to(halves[i], searches.below[i] + step));
    if (up_to > searches.rank[i]) {
      searches.up_to_found[i] = up_to;
    } else {
      searches.below[i] += step;
      searches.below_known[i] = 1;
    }
  }
#else
  static_assert(searched_at_once == 4);
  const charge_tag tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const hn::FixedTag<std::int32_t, searched_at_once> four;
  const auto too_high = [&](std::size_t i) { return hn::Set(tag, static_cast<std::int16_t>(searches.below[i] + step + 1)); };
  const auto too_high_0 = too_high(0);
  const auto too_high_1 = too_high(1);
  const auto too_high_2 = too_high(2);
  const auto too_high_3 = too_high(3);
  auto found_0 = hn::Zero(tag);
  auto found_1 = found_0;
  auto found_2 = found_0;
  auto found_3 = found_0;
  const std::size_t lanes = hn::Lanes(tag);
  const std::size_t end = counted(halves[0]);
  for (std::size_t i = 0; i < end; i += lanes) {
    const auto ones = [&](std::size_t h, auto limit) { return minus_one_below(hn::LoadU(tag, halves[h].quiet + i), limit); };
    found_0 = hn::Sub(found_0, ones(0, too_high_0));
    found_1 = hn::Sub(found_1, ones(1, too_high_1));
    found_2 = hn::Sub(found_2, ones(2, too_high_2));
    found_3 = hn::Sub(found_3, ones(3, too_high_3));
  }
  const auto up_to = four_sums(sum_tag, wide_sums(found_0), wide_sums(found_1), wide_sums(found_2), wide_sums(found_3));
  const auto enough = hn::Gt(up_to, hn::Load(four, searches.rank.data()));
  const auto update = [&](std::array<std::int32_t, searched_at_once>& numbers, auto if_enough, auto otherwise) {
    hn::Store(hn::IfThenElse(enough, if_enough, otherwise), four, numbers.data());
  };
  const auto below = hn::Load(four, searches.below.data());
  update(searches.below, below, hn::Add(below, hn::Set(four, step)));
  update(searches.below_known, hn::Load(four, searches.below_known.data()), hn::Set(four, 1));
  update(searches.up_to_found, up_to, hn::Load(four, searches.up_to_found.data()));
#endif
}

/// A lower median and how many charges are up to it.
struct found_median {
  std::int32_t value;
  std::int64_t up_to;
};

/// Where the guess was wrong: steps that grow until the median lies between two of them, then halving.
HWY_NOINLINE found_median search_on(const narrow_half_row& half, std::int64_t rank, std::int32_t below, bool below_known,
                                    std::int64_t up_to_found) {
  std::int32_t found = below + 1;
  for (std::int32_t step = 1; up_to_found <= rank; step *= 2) {
    found = std::min(below + step, narrow_calibration::masked - 1);
    up_to_found = count_up_to(half, found);
    if (up_to_found <= rank) below = found;
  }
  for (std::int32_t step = 1; !below_known; step *= 2) {
    below = std::max<std::int32_t>(found - step, narrow_calibration::missing);
    const std::int64_t up_to = count_up_to(half, below);
    below_known = up_to <= rank;
    if (!below_known) {
      found = below;
      up_to_found = up_to;
    }
  }
  while (found - below > 1) {
    const std::int32_t middle = below + (found - below) / 2;
    const std::int64_t up_to = count_up_to(half, middle);
    if (up_to > rank) {
      found = middle;
      up_to_found = up_to;
    } else {
      below = middle;
    }
  }
  return {found, up_to_found};
}

/// Medians of the quiet charges of halves: eight values about the expected one are searched in three steps, as a rule with
/// success. Each step is done for all of them before the next, which would have to wait for it.
HWY_INLINE void find_medians(std::span<narrow_half_row> halves) {
  constexpr std::int32_t guessed_values = 8;
  constexpr std::int32_t highest_guess = narrow_calibration::masked - 1 - guessed_values;
  // All are there, even where frames are not: what is found for those nobody looks at.
  std::array<median_searches, most_halves / searched_at_once> searches;
  std::array<float, most_halves> means{};
  const std::size_t groups = (halves.size() + searched_at_once - 1) / searched_at_once;
  for (std::size_t i = 0; i < groups * searched_at_once; ++i) {
    const narrow_half_row& half = halves.data()[i];
    means[i] = half.quiet_count == 0 ? 0.0F : static_cast<float>(half.quiet_sum) / static_cast<float>(half.quiet_count);
    // Of the values that are told apart, below + 2 to below + 7, one in the middle.
    const std::int32_t expected = static_cast<std::int32_t>(means[i] + half.above_mean + 0.5F) - (guessed_values / 2 + 1);
    median_searches& group = searches[i / searched_at_once];
    group.rank[i % searched_at_once] = static_cast<std::int32_t>(half.missing + (half.quiet_count - 1) / 2);
    group.below[i % searched_at_once] = std::clamp<std::int32_t>(expected, narrow_calibration::missing, highest_guess);
  }
  for (std::int32_t step = guessed_values / 2; step > 0; step /= 2) {
    for (std::size_t g = 0; g < groups; ++g) try_values(halves.data() + g * searched_at_once, step, searches[g]);
  }
  for (std::size_t i = 0; i < halves.size(); ++i) {
    narrow_half_row& half = halves[i];
    half.noise = 0;
    if (half.quiet_count == 0) continue;
    const median_searches& group = searches[i / searched_at_once];
    const std::size_t at = i % searched_at_once;
    found_median low{group.below[at] + 1, group.up_to_found[at]};
    if (group.below_known[at] == 0 || group.up_to_found[at] == 0)
      low = search_on(half, group.rank[at], group.below[at], group.below_known[at] != 0, group.up_to_found[at]);
    const bool same = low.up_to > half.missing + half.quiet_count / 2;
    half.noise = rounded_middle(low.value, same ? low.value : next_above(half, low.value));
    half.above_mean += (static_cast<float>(low.value) - means[i] - half.above_mean) / 32;
  }
}

void find_means(std::span<narrow_half_row> halves) {
  for (narrow_half_row& half : halves) half.noise = half.quiet_count == 0 ? 0 : rounded_mean(half.quiet_sum, half.quiet_count);
}

/// Sets a bit for each charge that is above background and noise; whole vectors of them.
HWY_INLINE void find_above(const narrow_half_row& half, const std::int16_t* background, std::int16_t everywhere,
                           std::uint8_t* bytes) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < half.count; ++i) {
    if (i % 8 == 0) bytes[i / 8] = 0;
    const std::int32_t limit = half.noise + (background == nullptr ? everywhere : background[i]);
    const bool above = half.charges[i] > limit && half.charges[i] != narrow_calibration::masked;
    bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | static_cast<unsigned>(above) << (i % 8));
  }
#else
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  // Compared with one more on either side: that makes the lowest number of a masked pixel's.
  const auto one = hn::Set(tag, std::int16_t{1});
  const auto noise = hn::Set(tag, static_cast<std::int16_t>(half.noise + 1));
  const auto common = hn::Add(noise, hn::Set(tag, everywhere));
  for (std::size_t i = 0; i < half.count; i += lanes) {
    const auto limit = background == nullptr ? common : hn::Add(hn::LoadU(tag, background + i), noise);
    hn::StoreMaskBits(tag, hn::Gt(hn::Add(hn::LoadU(tag, half.charges + i), one), limit), bytes + i / 8);
  }
#endif
}

/// The right half's bits, where it does not begin with a byte.
void set_shifted(const std::uint64_t* from, std::size_t count, std::uint64_t* row, std::size_t first) {
  const std::size_t shift = first % 64;
  std::uint64_t* to = row + first / 64;
  for (std::size_t w = 0; w < (count + 63) / 64; ++w) {
    to[w] |= from[w] << shift;
    // Bits beyond the width are 0, so where there is no next word there is nothing to carry.
    if (const std::uint64_t carried = shift == 0 ? 0 : from[w] >> (64 - shift); carried != 0) to[w + 1] |= carried;
  }
}

/// The hits of a row, from its two halves.
template <class Pixel>
HWY_INLINE void set_hits(const narrow_rows<Pixel>& rows, std::uint64_t* hits, std::span<const narrow_half_row> halves,
                         std::uint64_t* scratch) {
  const std::size_t words = (rows.width + 63) / 64;
  const std::size_t middle = halves[0].count;
  const std::int16_t* right_background = rows.background == nullptr ? nullptr : rows.background + middle;
  const bool whole_bytes = middle % 8 == 0;
  std::fill_n(whole_bytes ? hits + words - 1 : hits, whole_bytes ? 1 : words, std::uint64_t{0});
  auto* const bytes = reinterpret_cast<std::uint8_t*>(hits);
  find_above(halves[0], rows.background, rows.everywhere, bytes);
  if (whole_bytes) {
    find_above(halves[1], right_background, rows.everywhere, bytes + middle / 8);
    return;
  }
  std::fill_n(scratch, words, std::uint64_t{0});
  find_above(halves[1], right_background, rows.everywhere, reinterpret_cast<std::uint8_t*>(scratch));
  set_shifted(scratch, halves[1].count, hits, middle);
}

template <bool PerPixel, class Pixel>
HWY_INLINE void find_hits_of(const narrow_rows<Pixel> rows, const noise_scratch& scratch) {
  const std::size_t middle = rows.width / 2;
  const std::array<std::size_t, 2> start{0, middle};
  const auto at = [&](const std::int16_t* plane, std::size_t half) { return plane == nullptr ? nullptr : plane + start[half]; };
  for (std::size_t f = 0; f < rows.count; ++f) {
    const auto& frame = rows.frames[f];
    for (std::size_t h = 0; h < 2; ++h) {
      load_charges<PerPixel>(frame.raw + start[h], frame.ahead == nullptr ? nullptr : frame.ahead + start[h],
                             at(rows.dark16, h), at(rows.background, h), rows.everywhere, scratch.halves[2 * f + h]);
    }
    for (const std::uint32_t x : frame.missing) {
      const std::size_t h = x < middle ? 0 : 1;
      set_missing(scratch.halves[2 * f + h], x - start[h], at(rows.background, h), rows.everywhere);
    }
  }
  const auto halves = scratch.halves.first(2 * rows.count);
  if (scratch.method == row_noise_method::mean) {
    find_means(halves);
  } else {
    find_medians(halves);
  }
  for (std::size_t f = 0; f < rows.count; ++f) {
    rows.frames[f].noise[0] = halves[2 * f].noise;
    rows.frames[f].noise[1] = halves[2 * f + 1].noise;
    set_hits(rows, rows.frames[f].hits, halves.subspan(2 * f, 2), scratch.words);
  }
}

template <class Pixel>
HWY_INLINE void find_hits_in(const narrow_rows<Pixel>& rows, const noise_scratch& scratch) {
  rows.background != nullptr ? find_hits_of<true>(rows, scratch) : find_hits_of<false>(rows, scratch);
}

void find_hits_u8(const narrow_rows<std::uint8_t>& rows, const noise_scratch& scratch) {
  find_hits_in(rows, scratch);
}
void find_hits_u16(const narrow_rows<std::uint16_t>& rows, const noise_scratch& scratch) {
  find_hits_in(rows, scratch);
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(find_hits_u8);
HWY_EXPORT(find_hits_u16);

namespace {

std::int32_t mean(std::span<const std::int32_t> quiet) {
  std::int64_t sum = 0;
  for (const std::int32_t charge : quiet) sum += charge;
  return rounded_mean(sum, static_cast<std::int64_t>(quiet.size()));
}

std::int32_t median(std::span<std::int32_t> quiet) {
  const auto upper = quiet.begin() + static_cast<std::ptrdiff_t>(quiet.size() / 2);
  std::nth_element(quiet.begin(), upper, quiet.end());
  const std::int64_t high = *upper;
  const std::int64_t low = quiet.size() % 2 == 1 ? high : *std::max_element(quiet.begin(), upper);
  return rounded_middle(low, high);
}

}  // namespace

std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> quiet) {
  if (quiet.empty()) return 0;
  return method == row_noise_method::mean ? mean(quiet) : median(quiet);
}

std::optional<narrow_calibration> find_narrow_calibration(const counting_setup& setup) {
  const calibration& given = setup.calibrated;
  const bool narrow_pixels = setup.type == pixel_type::u8 || setup.type == pixel_type::u16;
  // Sums of a half-row stay within 32 bits, counts of a vector lane within 16.
  constexpr std::uint32_t widest = 1U << 15;
  if (!narrow_pixels || !given.gain.empty() || setup.shape.width > widest) return std::nullopt;
  const auto highest = [](const std::vector<std::int32_t>& plane, std::int32_t otherwise) {
    return plane.empty() ? otherwise : *std::max_element(plane.begin(), plane.end());
  };
  const bool negative_dark = std::any_of(given.dark16.begin(), given.dark16.end(), [](std::int32_t dark) { return dark < 0; });
  const std::int64_t dark = highest(given.dark16, 0);
  const std::int64_t background = highest(given.pixel_background16, given.background16);
  // The noise of a half-row is at most its background: the cut raw value is a hit even then.
  const std::int64_t cut = std::int64_t{charge_units_per_adu} * narrow_calibration::brightest_raw;
  if (negative_dark || dark + 2 * background >= cut) return std::nullopt;

  narrow_calibration narrow;
  narrow.dark16.assign(given.dark16.begin(), given.dark16.end());
  narrow.background.assign(given.pixel_background16.begin(), given.pixel_background16.end());
  if (!narrow.background.empty()) narrow.background.resize(narrow.background.size() + widest_vector<std::int16_t>);
  narrow.background_everywhere = static_cast<std::int16_t>(given.background16);
  if (given.mask.empty()) return narrow;
  narrow.dark16.resize(given.mask.size());
  for (std::size_t p = 0; p < given.mask.size(); ++p) {
    if (given.mask[p] != 0) narrow.dark16[p] = std::numeric_limits<std::int16_t>::min();
  }
  return narrow;
}

narrow_noise::narrow_noise(row_noise_method method, std::size_t width, bool per_pixel)
    : method_(method), words_((width + 63) / 64 + widest_vector<std::int16_t> / 64) {
  const std::size_t longest = width - width / 2;
  // Whole cache lines each: vectors that lie across two cost twice.
  constexpr std::size_t line = 64 / sizeof(std::int16_t);
  const std::size_t room = (longest + widest_vector<std::int16_t> + line - 1) / line * line;
  memory_.assign(halves_.size() * room * (per_pixel ? 2 : 1) + line, narrow_calibration::missing);
  std::size_t left = memory_.size() * sizeof(std::int16_t);
  void* aligned = memory_.data();
  auto* free =
      static_cast<std::int16_t*>(std::align(line * sizeof(std::int16_t), left - line * sizeof(std::int16_t), aligned, left));
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    narrow_half_row& half = halves_[i];
    half.count = i % 2 == 0 ? width / 2 : longest;
    half.longer_count = longest;
    half.charges = free;
    free += room;
    half.quiet = per_pixel ? free : half.charges;
    if (per_pixel) free += room;
  }
}

void narrow_noise::find_hits(const narrow_rows<std::uint8_t>& rows) {
  HWY_DYNAMIC_DISPATCH(find_hits_u8)(rows, {halves_, words_.data(), method_});
}

void narrow_noise::find_hits(const narrow_rows<std::uint16_t>& rows) {
  HWY_DYNAMIC_DISPATCH(find_hits_u16)(rows, {halves_, words_.data(), method_});
}

}  // namespace countem::cpu
#endif
