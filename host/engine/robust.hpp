#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace countem::engine {

/// The upper median; 0 of nothing. Reorders its argument.
inline float median(std::vector<float>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The value that this share of the others lie below, rounded down; 0 of nothing.
[[nodiscard]] inline double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

/// Centre and spread that up to half of the values cannot drag away.
struct robust_spread {
  float centre = 0;
  float sigma = 0;  ///< 1.4826 times the median distance from the centre: the standard deviation, were they Gaussian
};

[[nodiscard]] inline robust_spread spread_of(std::vector<float> values) {
  const float centre = median(values);
  for (float& value : values) value = std::abs(value - centre);
  return {centre, 1.4826F * median(values)};
}

}  // namespace countem::engine
