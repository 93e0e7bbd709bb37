#include "kernels/cpu/row_statistic.hpp"

#include <algorithm>

namespace countem::cpu {

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

}  // namespace countem::cpu
