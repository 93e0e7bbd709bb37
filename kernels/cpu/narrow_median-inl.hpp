// The search for the medians of half-rows of 16-bit charges.
//
// Per-target include guard, as Highway has it: included once for each instruction set.
#if defined(COUNTEM_CPU_NARROW_MEDIAN_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef COUNTEM_CPU_NARROW_MEDIAN_INL
#undef COUNTEM_CPU_NARROW_MEDIAN_INL
#else
#define COUNTEM_CPU_NARROW_MEDIAN_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <span>

#include "kernels/cpu/narrow_charges-inl.hpp"
#include "kernels/cpu/row_noise.hpp"
#include "kernels/cpu/row_statistic.hpp"

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// How many charges are at most `limit`, which is less than the largest number.
HWY_INLINE std::int64_t count_up_to(const narrow_half_row& half, std::int32_t limit) {
#if HWY_TARGET == HWY_SCALAR
  const std::span<const std::int16_t> charges(half.charges, counted(half));
  return std::count_if(charges.begin(), charges.end(), [&](std::int16_t charge) { return charge <= limit; });
#else
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const std::size_t end = counted(half);
  const auto too_high = hn::Set(tag, static_cast<std::int16_t>(limit + 1));
  auto found = hn::Zero(tag);
  for (std::size_t i = 0; i < end; i += lanes) found = add_below(found, hn::LoadU(tag, half.charges + i), too_high);
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
    const auto charge = hn::LoadU(tag, half.charges + i);
    next = hn::Min(next, hn::IfThenElse(hn::Gt(charge, lowest), charge, highest));
  }
  return hn::GetLane(hn::MinOfLanes(tag, next));
}

/// Searches for lower medians, each the charge with `rank` others before it in ascending order. At most `rank` charges
/// are up to `below`, and `up_to_found`, which are more, are up to the value behind it.
constexpr std::size_t searched_at_once = 4;
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
    found_0 = add_below(found_0, hn::LoadU(tag, halves[0].charges + i), too_high_0);
    found_1 = add_below(found_1, hn::LoadU(tag, halves[1].charges + i), too_high_1);
    found_2 = add_below(found_2, hn::LoadU(tag, halves[2].charges + i), too_high_2);
    found_3 = add_below(found_3, hn::LoadU(tag, halves[3].charges + i), too_high_3);
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

/// Medians of the charges of halves: eight values about the expected one are searched in three steps, as a rule with success.
/// Each step is done for all of them before the next, which would have to wait for it. Where a middle charge is above `highest`
/// the median is `beyond`.
HWY_INLINE void find_medians_of(std::span<narrow_half_row> halves, std::int32_t highest) {
  constexpr std::int32_t guessed_values = 8;
  constexpr std::int32_t highest_guess = narrow_calibration::masked - 1 - guessed_values;
  // All are there, even where frames are not: what is found for those is not used.
  std::array<median_searches, most_halves / searched_at_once> searches;
  std::array<float, most_halves> means{};
  const std::size_t groups = (halves.size() + searched_at_once - 1) / searched_at_once;
  for (std::size_t i = 0; i < groups * searched_at_once; ++i) {
    const narrow_half_row& half = halves.data()[i];
    means[i] = half.number == 0 ? 0.0F : static_cast<float>(half.near_sum) / static_cast<float>(half.number);
    // Of the values that are distinguished, below + 2 to below + 7, one in the middle.
    const std::int32_t expected = static_cast<std::int32_t>(means[i] + half.above_mean + 0.5F) - (guessed_values / 2 + 1);
    median_searches& group = searches[i / searched_at_once];
    group.rank[i % searched_at_once] = static_cast<std::int32_t>(half.missing + (half.number - 1) / 2);
    group.below[i % searched_at_once] = std::clamp<std::int32_t>(expected, narrow_calibration::missing, highest_guess);
  }
  for (std::int32_t step = guessed_values / 2; step > 0; step /= 2) {
    for (std::size_t g = 0; g < groups; ++g) {
      for (std::size_t i = g * searched_at_once; i < (g + 1) * searched_at_once; ++i) halves.data()[i].ahead.fetch(1);
      try_values(halves.data() + g * searched_at_once, step, searches[g]);
    }
  }
  for (std::size_t i = 0; i < halves.size(); ++i) {
    narrow_half_row& half = halves[i];
    half.median = 0;
    if (half.number == 0) continue;
    const median_searches& group = searches[i / searched_at_once];
    const std::size_t at = i % searched_at_once;
    found_median low{group.below[at] + 1, group.up_to_found[at]};
    if (group.below_known[at] == 0 || group.up_to_found[at] == 0)
      low = search_on(half, group.rank[at], group.below[at], group.below_known[at] != 0, group.up_to_found[at]);
    const bool same = low.up_to > half.missing + half.number / 2;
    const std::int32_t high = same ? low.value : next_above(half, low.value);
    half.median = high > highest ? narrow_half_row::beyond : rounded_middle(low.value, high);
    half.above_mean += (static_cast<float>(low.value) - means[i] - half.above_mean) / 32;
  }
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
