#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace countem::cli {

/// Of one number or more; between the two in the middle of an even count.
[[nodiscard]] inline double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const std::size_t middle = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
}

/// The median, and what a quarter of the numbers are below and above.
struct spread {
  double median = 0;
  double low = 0;
  double high = 0;
};
[[nodiscard]] inline spread spread_of(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const std::size_t last = numbers.size() - 1;
  return {median(numbers), numbers[last / 4], numbers[last - last / 4]};
}

}  // namespace countem::cli
