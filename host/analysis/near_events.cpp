#include "host/analysis/near_events.hpp"

#include <algorithm>
#include <cmath>

namespace countem::analysis {

namespace {

constexpr double near_radius = 4.5;  ///< detector pixels: no hole of 80 to 300 kV electrons reaches farther
constexpr double ring_radius = 8.5;

}  // namespace

neighbourhood::neighbourhood(double cell) {
  near_squared = std::pow(near_radius / cell, 2);
  ring_squared = std::pow(ring_radius / cell, 2);
  reach = static_cast<std::uint32_t>(ring_radius / cell);
  const auto far = static_cast<std::int64_t>(reach);
  for (std::int64_t row = -far; row <= far; ++row) {
    for (std::int64_t column = -far; column <= far; ++column) {
      near_area += zone(row, column) == 1 ? 1 : 0;
      ring_area += zone(row, column) == 2 ? 1 : 0;
    }
  }
}

std::span<const neighbours> neighbour_counter::count(std::span<const std::uint32_t> frame) {
  const std::size_t events = frame.size();
  rows_.resize(events);
  columns_.resize(events);
  starts_.assign(std::size_t{shape_.height} + 1, 0);
  for (std::size_t e = 0; e < events; ++e) {
    rows_[e] = frame[e] / shape_.width;
    columns_[e] = frame[e] - rows_[e] * shape_.width;
    ++starts_[rows_[e] + 1];
  }
  for (std::size_t row = 0; row < shape_.height; ++row) starts_[row + 1] += starts_[row];
  counts_.assign(events, {});
  for (std::size_t e = 0; e < events; ++e) {
    const std::uint32_t row = rows_[e];
    const std::uint32_t column = columns_[e];
    const std::uint32_t below = std::min(around_.reach, shape_.height - 1 - row);
    if (e == starts_[row]) lowest_.assign(starts_.begin() + row, starts_.begin() + row + below + 1);
    for (std::uint32_t down = 0; down <= below; ++down) {
      const std::size_t end = starts_[row + down + 1];
      std::size_t& lowest = lowest_[down];
      if (down == 0) lowest = e + 1;
      while (lowest < end && columns_[lowest] + around_.reach < column) ++lowest;
      for (std::size_t other = lowest; other < end && columns_[other] <= column + around_.reach; ++other) {
        const int zone = around_.zone(down, std::int64_t{columns_[other]} - column);
        if (zone == 1) {
          ++counts_[e].near;
          ++counts_[other].near;
        } else if (zone == 2) {
          ++counts_[e].ring;
          ++counts_[other].ring;
        }
      }
    }
  }
  return counts_;
}

}  // namespace countem::analysis
