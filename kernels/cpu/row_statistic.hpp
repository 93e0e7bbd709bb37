#pragma once

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

/// The noise of a half-row: mean or median of its quiet charges, rounded as docs/semantics.md defines; 0 where there are none.
/// Reorders `quiet`.
[[nodiscard]] std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> quiet);

}  // namespace countem::cpu
