#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include <countem/counting.hpp>

namespace countem::cpu {

/// A mean, halves rounded up. `number` is above 0.
[[nodiscard]] constexpr std::int32_t rounded_mean(std::int64_t sum, std::int64_t number) {
  const std::int64_t numerator = 2 * sum + number;
  const std::int64_t denominator = 2 * number;
  const std::int64_t quotient = numerator / denominator;  // towards 0; the floor is wanted
  return static_cast<std::int32_t>(quotient * denominator > numerator ? quotient - 1 : quotient);
}

/// The middle of two charges, halves rounded up.
[[nodiscard]] constexpr std::int32_t rounded_middle(std::int64_t low, std::int64_t high) {
  return static_cast<std::int32_t>((low + high + 1) >> 1);
}

/// A charge with the noise of its half-row subtracted.
[[nodiscard]] inline std::int32_t without_noise(std::int32_t charge, std::int32_t noise) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(std::int64_t{charge} - noise, -charge_limit, charge_limit));
}

/// The median, halves rounded up. Reorders `charges`, which are not empty.
[[nodiscard]] std::int32_t median(std::span<std::int32_t> charges);

/// The noise of a half-row of these charges, as docs/semantics.md defines it; 0 where there are none. Reorders `charges`.
[[nodiscard]] std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> charges);

/// What remains of a mean once the median is known: the noise of a half-row whose charges have this sum after each was cut to
/// at most `row_mean_reach` from it. `number` is above 0.
[[nodiscard]] constexpr std::int32_t mean_about(std::int32_t median, std::int64_t cut_sum, std::int64_t number) {
  return median + rounded_mean(cut_sum - number * median, number);
}

}  // namespace countem::cpu
