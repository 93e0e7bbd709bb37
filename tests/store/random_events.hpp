#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

namespace countem::test {

/// `count` sorted pixels of a grid of `pixels`, repeats allowed.
inline std::vector<std::uint32_t> random_events(std::mt19937_64& generator, std::uint64_t pixels, std::size_t count) {
  std::vector<std::uint32_t> events(count);
  std::uniform_int_distribution<std::uint64_t> any(0, pixels - 1);
  for (std::uint32_t& event : events) event = static_cast<std::uint32_t>(any(generator));
  std::sort(events.begin(), events.end());
  return events;
}

/// A bright disk, six weak ones and scattered electrons on a square detector, as in a convergent-beam pattern.
inline std::vector<std::uint32_t> diffraction_events(std::mt19937_64& generator, std::uint32_t side, std::size_t count) {
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<std::uint32_t> events(count);
  for (std::uint32_t& event : events) {
    double row = unit(generator) * side;
    double column = unit(generator) * side;
    const double kind = unit(generator);
    if (kind < 0.88) {
      const double spot = kind < 0.70 ? 0 : 0.26 * side;
      const double towards = std::floor(unit(generator) * 6) * std::numbers::pi / 3;
      const double radius = 0.1 * side * std::sqrt(unit(generator));
      const double angle = unit(generator) * 2 * std::numbers::pi;
      row = 0.5 * side + spot * std::sin(towards) + radius * std::sin(angle);
      column = 0.5 * side + spot * std::cos(towards) + radius * std::cos(angle);
    }
    event = static_cast<std::uint32_t>(row) * side + static_cast<std::uint32_t>(column);
  }
  std::sort(events.begin(), events.end());
  return events;
}

}  // namespace countem::test
