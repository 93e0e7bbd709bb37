#include "kernels/cpu/row_statistic.hpp"

#include <algorithm>

namespace countem::cpu {

std::int32_t median(std::span<std::int32_t> charges) {
  const auto upper = charges.begin() + static_cast<std::ptrdiff_t>(charges.size() / 2);
  std::nth_element(charges.begin(), upper, charges.end());
  const std::int64_t high = *upper;
  const std::int64_t low = charges.size() % 2 == 1 ? high : *std::max_element(charges.begin(), upper);
  return rounded_middle(low, high);
}

std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> charges) {
  if (charges.empty()) return 0;
  const std::int32_t middle = median(charges);
  if (method == row_noise_method::median) return middle;
  std::int64_t cut_sum = 0;
  // Neither end leaves 32 bits: charges do not exceed charge_limit.
  for (const std::int32_t charge : charges) cut_sum += std::clamp(charge, middle - row_mean_reach, middle + row_mean_reach);
  return mean_about(middle, cut_sum, static_cast<std::int64_t>(charges.size()));
}

}  // namespace countem::cpu
