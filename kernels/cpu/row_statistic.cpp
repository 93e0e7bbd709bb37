#include "kernels/cpu/row_statistic.hpp"

#include <algorithm>
#include <iterator>

namespace countem::cpu {

std::int32_t median(std::span<std::int32_t> charges) {
  const auto upper = charges.begin() + static_cast<std::ptrdiff_t>(charges.size() / 2);
  std::nth_element(charges.begin(), upper, charges.end());
  const std::int64_t high = *upper;
  const std::int64_t low = charges.size() % 2 == 1 ? high : *std::max_element(charges.begin(), upper);
  return rounded_middle(low, high);
}

std::int32_t row_middle(std::span<std::int32_t> charges) {
  const auto lower = charges.begin() + static_cast<std::ptrdiff_t>((charges.size() - 1) / 2);
  std::nth_element(charges.begin(), lower, charges.end());
  return middle_of_step(step_of(*lower));
}

std::int32_t mean_about(std::int32_t middle, std::span<const std::int32_t> charges) {
  std::int64_t sum = 0;
  for (const std::int32_t charge : charges) {
    sum += std::clamp<std::int64_t>(std::int64_t{charge} - middle, -row_mean_reach, row_mean_reach);
  }
  return middle + rounded_mean(sum, static_cast<std::int64_t>(charges.size()));
}

std::int32_t row_statistic(row_noise_method method, std::span<const std::int32_t> half_row,
                           std::vector<std::int32_t>& scratch) {
  scratch.clear();
  if (method == row_noise_method::mean) {
    for (std::size_t i = 0; i < half_row.size(); ++i) {
      if (in_row_sample(i) && half_row[i] != no_charge) scratch.push_back(half_row[i]);
    }
  }
  const std::size_t sampled = scratch.size();
  std::ranges::remove_copy(half_row, std::back_inserter(scratch), no_charge);
  const auto charges = std::span(scratch).subspan(sampled);
  if (charges.empty()) return 0;
  if (method == row_noise_method::median) return median(charges);
  const std::int32_t about_zero = mean_about(0, charges);
  if (is_row_mean(about_zero)) return about_zero;
  return mean_about(row_middle(sampled == 0 ? charges : std::span(scratch).first(sampled)), charges);
}

}  // namespace countem::cpu
