#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include <countem/counting.hpp>

namespace countem::cpu {

__extension__ using wide = unsigned __int128;

/// What an event is made of: the sums over the hits of one component.
struct component_sums {
  std::uint64_t size = 0;
  std::uint64_t charge = 0;
  wide charge_rows = 0;         ///< sum of charge * row
  wide charge_columns = 0;      ///< sum of charge * column
  std::int32_t largest = 0;     ///< highest charge of a pixel
  std::uint32_t first_row = 0;  ///< of the first pixel in reading order
  std::uint32_t first_column = 0;
};

/// A hit's charge is above 0. It is read again after the hit was found, and raw pixels that lie in a file may have changed
/// meanwhile: what comes of that is a wrong event, but always one inside the frame.
template <class ChargeOf>
[[nodiscard]] std::int32_t hit_charge(const ChargeOf& charge_of, std::uint32_t row, std::uint32_t column) {
  return std::max(charge_of(row, column), 0);
}

[[nodiscard]] inline std::uint32_t saturated(std::uint64_t value) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

[[nodiscard]] inline std::uint32_t kept_value(event_value kept, std::uint64_t charge, std::uint64_t size) {
  switch (kept) {
    case event_value::charge: return saturated(charge);
    case event_value::size: return saturated(size);
    case event_value::none: return 0;
  }
  return 0;
}

/// floor(k (2 X + S) / (2 S)): the grid cell that holds the centroid.
[[nodiscard]] inline std::uint32_t centroid_cell(wide weighted, std::uint64_t charge, std::uint32_t upsample) {
  const wide numerator = upsample * (2 * weighted + charge);
  const wide denominator = 2 * wide{charge};
  // Almost every component is small enough for one machine division; the 128-bit one is a library call.
  constexpr std::uint64_t machine_word = std::numeric_limits<std::uint64_t>::max();
  if (numerator <= machine_word)
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(numerator) / static_cast<std::uint64_t>(denominator));
  return static_cast<std::uint32_t>(numerator / denominator);
}

}  // namespace countem::cpu
