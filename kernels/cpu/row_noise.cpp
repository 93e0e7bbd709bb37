#include "kernels/cpu/row_noise.hpp"

#include <algorithm>

namespace countem::cpu {

namespace {

std::int64_t floor_divide(std::int64_t numerator, std::int64_t positive_denominator) {
  const std::int64_t quotient = numerator / positive_denominator;
  return quotient * positive_denominator > numerator ? quotient - 1 : quotient;
}

std::int32_t mean(std::span<const std::int32_t> quiet) {
  std::int64_t sum = 0;
  for (const std::int32_t charge : quiet) sum += charge;
  const auto n = static_cast<std::int64_t>(quiet.size());
  return static_cast<std::int32_t>(floor_divide(2 * sum + n, 2 * n));
}

std::int32_t median(std::span<std::int32_t> quiet) {
  const auto upper = quiet.begin() + static_cast<std::ptrdiff_t>(quiet.size() / 2);
  std::nth_element(quiet.begin(), upper, quiet.end());
  const std::int64_t high = *upper;
  const std::int64_t low = quiet.size() % 2 == 1 ? high : *std::max_element(quiet.begin(), upper);
  return static_cast<std::int32_t>(floor_divide(low + high + 1, 2));
}

}  // namespace

std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> quiet) {
  if (quiet.empty()) return 0;
  return method == row_noise_method::mean ? mean(quiet) : median(quiet);
}

}  // namespace countem::cpu
