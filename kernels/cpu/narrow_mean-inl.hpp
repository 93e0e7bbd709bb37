// The middles of half-rows of 16-bit charges that row_noise_method::mean starts from where 0 is far: the median of a sample, in
// steps of half an ADU, so that a byte holds one.
//
// Per-target include guard, as Highway has it: included once for each instruction set.
#if defined(COUNTEM_CPU_NARROW_MEAN_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef COUNTEM_CPU_NARROW_MEAN_INL
#undef COUNTEM_CPU_NARROW_MEAN_INL
#else
#define COUNTEM_CPU_NARROW_MEAN_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <vector>

#include "kernels/cpu/narrow_charges-inl.hpp"
#include "kernels/cpu/row_noise.hpp"
#include "kernels/cpu/row_statistic.hpp"

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using step_byte = std::int8_t;
constexpr std::int32_t lowest_step = std::numeric_limits<step_byte>::min();
constexpr std::int32_t highest_step = std::numeric_limits<step_byte>::max();

/// Steps are counted from that of the middle before, but from none so far out that what is no charge would not be the lowest or
/// the highest byte.
HWY_INLINE std::int32_t first_step(const narrow_half_row& half) {
  constexpr std::int32_t farthest = step_of(narrow_calibration::masked) - highest_step - 1;
  return std::clamp(step_of(half.middle), -farthest, farthest);
}

/// Steps of the sample's charges as bytes.
HWY_INLINE void take_sample(narrow_half_row& half) {
  const std::int32_t first = first_step(half);
  const std::int16_t* const charges = half.charges;
  step_byte* to = half.sample;
  half.sample_masked = 0;
  half.sample_missing = 0;
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::CappedTag<std::int16_t, row_sample_columns> tag;
  const hn::Rebind<step_byte, decltype(tag)> byte_tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto origin = hn::Set(tag, static_cast<std::int16_t>(first * row_middle_step));
  for (; i + row_sample_columns <= half.count; i += row_sample_period) {
    for (std::size_t v = 0; v < row_sample_columns; v += lanes, to += lanes) {
      const auto charge = hn::LoadU(tag, charges + i + v);
      // Saturated twice: what is no charge remains an end of the range.
      hn::StoreU(hn::DemoteTo(byte_tag, hn::ShiftRight<3>(hn::SaturatedSub(charge, origin))), byte_tag, to);
      half.sample_masked += hn::CountTrue(tag, hn::Eq(charge, hn::Set(tag, narrow_calibration::masked)));
      half.sample_missing += hn::CountTrue(tag, hn::Eq(charge, hn::Set(tag, narrow_calibration::missing)));
    }
  }
#endif
  for (; i < half.count; ++i) {
    if (!in_row_sample(i)) continue;
    *to++ = static_cast<step_byte>(std::clamp(step_of(charges[i]) - first, lowest_step, highest_step));
    half.sample_masked += charges[i] == narrow_calibration::masked ? 1 : 0;
    half.sample_missing += charges[i] == narrow_calibration::missing ? 1 : 0;
  }
  half.sampled = static_cast<std::size_t>(to - half.sample);
}

/// How many bytes of the sample are at most Apart, 2 Apart and 3 Apart behind `below`, all below the highest byte; those behind
/// the sample's end are that.
template <std::int32_t Apart>
HWY_INLINE std::array<std::int32_t, 3> count_behind(const narrow_half_row& half, std::int32_t below) {
  std::array<std::int32_t, 3> found{};
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t k = 0; k < 3; ++k) {
    const std::int32_t limit = below + static_cast<std::int32_t>(k + 1) * Apart;
    found[k] = static_cast<std::int32_t>(
        std::count_if(half.sample, half.sample + half.sampled, [&](step_byte step) { return step <= limit; }));
  }
#else
  const hn::Repartition<step_byte, charge_tag> tag;
  const auto apart = hn::Set(tag, step_byte{Apart});
  const auto too_high_0 = hn::Set(tag, static_cast<step_byte>(below + Apart + 1));
  const auto too_high_1 = hn::Add(too_high_0, apart);
  const auto too_high_2 = hn::Add(too_high_1, apart);
  std::size_t found_0 = 0;
  std::size_t found_1 = 0;
  std::size_t found_2 = 0;
  for (std::size_t i = 0; i < half.sampled; i += hn::Lanes(tag)) {
    const auto steps = hn::Load(tag, half.sample + i);
    found_0 += hn::CountTrue(tag, hn::Lt(steps, too_high_0));
    found_1 += hn::CountTrue(tag, hn::Lt(steps, too_high_1));
    found_2 += hn::CountTrue(tag, hn::Lt(steps, too_high_2));
  }
  found = {static_cast<std::int32_t>(found_0), static_cast<std::int32_t>(found_1), static_cast<std::int32_t>(found_2)};
#endif
  return found;
}

/// The median's step is behind `below` and at most `below` + 4 Apart: narrows that to `below` + Apart. Without a branch, which
/// nothing could predict.
template <std::int32_t Apart>
HWY_INLINE void narrow_search(const narrow_half_row& half, std::int32_t rank, std::int32_t& below) {
  const std::array<std::int32_t, 3> up_to = count_behind<Apart>(half, below);
  below += Apart * (static_cast<std::int32_t>(up_to[0] <= rank) + static_cast<std::int32_t>(up_to[1] <= rank) +
                    static_cast<std::int32_t>(up_to[2] <= rank));
}

/// What is before the median's step, of all that a byte holds.
HWY_NOINLINE std::int32_t search_all(const narrow_half_row& half, std::int32_t rank) {
  std::int32_t below = lowest_step - 1;
  narrow_search<64>(half, rank, below);
  narrow_search<16>(half, rank, below);
  narrow_search<4>(half, rank, below);
  narrow_search<1>(half, rank, below);
  return below;
}

/// The charges of a half-row in full: where its sample has none, or the middle lies far from the one before.
HWY_NOINLINE std::int32_t middle_of_charges(const narrow_half_row& half) {
  std::vector<std::int32_t> charges;
  const auto take = [&](bool sample_only) {
    for (std::size_t i = 0; i < half.count; ++i) {
      const std::int16_t charge = half.charges[i];
      if (charge == narrow_calibration::masked || charge == narrow_calibration::missing) continue;
      if (!sample_only || in_row_sample(i)) charges.push_back(charge);
    }
  };
  take(true);
  if (charges.empty()) take(false);
  return charges.empty() ? half.middle : row_middle(charges);
}

/// Middles of halves whose samples are taken. Halves side by side: each has to wait for its own counts.
HWY_INLINE void find_middles(std::span<narrow_half_row* const> halves) {
  constexpr std::int32_t guess = 8;  // steps on either side of the middle before, which nearly all are within
  std::array<std::int32_t, most_halves> rank{};
  std::array<std::int32_t, most_halves> below{};
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const narrow_half_row& half = *halves[i];
    const auto number = static_cast<std::int32_t>(half.sampled - half.sample_masked - half.sample_missing);
    rank[i] = static_cast<std::int32_t>(half.sample_missing) + (number - 1) / 2;
    below[i] = number == 0 ? lowest_step : -guess - 1;
  }
  for (std::size_t i = 0; i < halves.size(); ++i) narrow_search<guess / 2>(*halves[i], rank[i], below[i]);
  for (std::size_t i = 0; i < halves.size(); ++i) narrow_search<guess / 8>(*halves[i], rank[i], below[i]);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    narrow_half_row& half = *halves[i];
    const auto is_between = [&](std::int32_t low, std::int32_t high) { return below[i] + 1 > low && below[i] + 1 < high; };
    if (!is_between(-guess, guess - 1)) {
      const bool some = half.sampled > half.sample_masked + half.sample_missing;
      below[i] = some ? search_all(half, rank[i]) : lowest_step - 1;
    }
    half.middle =
        is_between(lowest_step, highest_step) ? middle_of_step(first_step(half) + below[i] + 1) : middle_of_charges(half);
  }
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
