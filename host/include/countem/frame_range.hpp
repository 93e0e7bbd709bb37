#pragma once

#include <cstdint>

namespace countem {

/// Frames [first, end) of a scan.
struct frame_range {
  std::uint64_t first = 0;  ///< the first of them
  std::uint64_t end = 0;    ///< one beyond the last

  /// How many they are.
  [[nodiscard]] constexpr std::uint64_t frames() const { return end - first; }
  friend constexpr bool operator==(const frame_range&, const frame_range&) = default;
};

}  // namespace countem
