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

}  // namespace countem::cli
