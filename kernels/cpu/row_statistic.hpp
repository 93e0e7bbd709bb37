#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

/// Whether the mean about 0 is what row_noise_method::mean is.
[[nodiscard]] constexpr bool is_row_mean(std::int32_t about_zero) {
  return about_zero >= -row_mean_near && about_zero <= row_mean_near;
}

/// Whether row_noise_method::mean finds the middle of a half-row from this of its pixels, counted from its first.
[[nodiscard]] constexpr bool in_row_sample(std::size_t pixel) {
  return pixel % row_sample_period < row_sample_columns;
}

/// The number of the step of `row_middle_step` that holds a charge.
[[nodiscard]] constexpr std::int32_t step_of(std::int32_t charge) {
  static_assert(row_middle_step == 8);
  return charge >> 3;  // towards minus infinity
}

/// The middle of a half-row whose sample's lower median lies in this step.
[[nodiscard]] constexpr std::int32_t middle_of_step(std::int32_t step) {
  return step * row_middle_step + row_middle_step / 2;
}

/// The middle that row_noise_method::mean starts from where 0 is far, given the charges of the sample or, where it has none, of
/// all pixels. Reorders `charges`, which are not empty.
[[nodiscard]] std::int32_t row_middle(std::span<std::int32_t> charges);

/// The middle and the mean distance from it of these charges, distances cut at `row_mean_reach`. There is a charge.
[[nodiscard]] std::int32_t mean_about(std::int32_t middle, std::span<const std::int32_t> charges);

/// The noise of a half-row of these pixels, some of which may be no_charge, as docs/semantics.md defines it; 0 where all are.
/// `scratch` is overwritten.
[[nodiscard]] std::int32_t row_statistic(row_noise_method method, std::span<const std::int32_t> half_row,
                                         std::vector<std::int32_t>& scratch);

}  // namespace countem::cpu
