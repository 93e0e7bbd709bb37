#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/coincidence.hpp>

#include "host/analysis/near_events.hpp"

namespace countem::analysis {

/// Pixels whose rates differ by less than a factor of two, and what a sum over all frames expects of their pairs.
struct rate_classes {
  std::vector<std::uint8_t> of_pixel;  ///< [pixel] number of its class
  std::vector<double> near_pairs;      ///< [class] products of the sum at pixels and at those near them
  std::vector<double> ring_pairs;      ///< [class] likewise with the ring

  [[nodiscard]] std::size_t size() const { return near_pairs.size(); }
};

/// @param sum [pixel] events of all frames
[[nodiscard]] rate_classes classes_of(std::span<const std::uint64_t> sum, frame_shape shape, const neighbourhood& around);

/// Events of a class, and their neighbours of the same frame.
struct pair_counts {
  double events = 0;
  double near = 0;
  double ring = 0;
};

/// Pairs by part of the scan and class, from which the dead area follows.
class pair_statistics {
 public:
  /// Parts of the scan that are left out in turn.
  static constexpr std::size_t parts = 8;

  explicit pair_statistics(const rate_classes& classes) : classes_(classes), counts_(parts * classes.size()) {}

  /// Adds an event of a pixel. @param part below `parts`
  void add(std::size_t part, std::uint32_t pixel, const neighbours& found) {
    pair_counts& to = counts_[part * classes_.size() + classes_.of_pixel[pixel]];
    to.events += 1;
    to.near += found.near;
    to.ring += found.ring;
  }
  [[nodiscard]] dead_area measure(const neighbourhood& around) const;

 private:
  [[nodiscard]] std::vector<pair_counts> without(std::size_t part) const;

  const rate_classes& classes_;
  std::vector<pair_counts> counts_;
};

}  // namespace countem::analysis
