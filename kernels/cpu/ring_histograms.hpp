#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <countem/reductions.hpp>

#include "kernels/cpu/reduce_simd.hpp"

namespace countem::cpu {

/// Events by ring. Neighbouring events often share a ring: two frames in turn with two histograms each, so that no count waits
/// for the one before. What lies outside all rings falls into one more.
class ring_histograms {
 public:
  /// Both must outlive it.
  ring_histograms(const ring_map& map, const std::optional<ring_arithmetic>& arithmetic) : map_(map), arithmetic_(arithmetic) {
    for (auto& histogram : histograms_) histogram.resize(std::size_t{map.rings} + 1);
  }

  /// Writes the counts of two frames, each by ring. The second may be empty, and then so may be its room.
  void count_two(frame_events a, frame_events b, std::span<std::uint32_t> of_a, std::span<std::uint32_t> of_b) {
    find_rings(a, rings_[0]);
    find_rings(b, rings_[1]);
    const std::array rings{rings_[0].data(), rings_[1].data()};
    const std::size_t both = std::min(a.size(), b.size()) & ~std::size_t{1};
    for (std::size_t i = 0; i < both; i += 2) {
      ++histograms_[0][rings[0][i]];
      ++histograms_[2][rings[1][i]];
      ++histograms_[1][rings[0][i + 1]];
      ++histograms_[3][rings[1][i + 1]];
    }
    for (std::size_t i = both; i < a.size(); ++i) ++histograms_[i % 2][rings[0][i]];
    for (std::size_t i = both; i < b.size(); ++i) ++histograms_[2 + i % 2][rings[1][i]];
    hand_over(0, of_a);
    hand_over(2, of_b);
  }

 private:
  void find_rings(frame_events frame, std::vector<std::uint16_t>& ring) const {
    ring.resize(std::max(ring.size(), frame.size()));
    if (arithmetic_) return ring_numbers(frame, map_, *arithmetic_, ring.data());
    std::ranges::transform(frame, ring.begin(), [&](std::uint32_t index) {
      return static_cast<std::uint16_t>(std::min<std::uint32_t>(map_.ring[index], map_.rings));
    });
  }

  void hand_over(std::size_t first, std::span<std::uint32_t> counts) {
    const auto& one = histograms_[first];
    const auto& other = histograms_[first + 1];
    for (std::size_t r = 0; r < counts.size(); ++r) counts[r] = one[r] + other[r];
    for (std::size_t h = first; h < first + 2; ++h) std::ranges::fill(histograms_[h], 0U);
  }

  const ring_map& map_;
  const std::optional<ring_arithmetic>& arithmetic_;
  std::array<std::vector<std::uint16_t>, 2> rings_;       ///< of each event
  std::array<std::vector<std::uint32_t>, 4> histograms_;  ///< two of each frame
};

}  // namespace countem::cpu
