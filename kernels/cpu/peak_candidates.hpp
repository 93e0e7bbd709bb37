#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

/// A hit that may be a peak (method peaks) or a maximum.
struct peak_candidate {
  std::uint32_t row;
  std::uint32_t column;
  /// Vectors can load the pixels around it: they are inside the frame, with the one two columns to the right, and have arrived;
  /// for method peaks they all have a charge.
  bool plain;
};

/// A word of the hit mask.
struct word_place {
  std::uint32_t row;
  std::uint32_t word;
};

/// The hits of some rows as a list.
class peak_candidates {
 public:
  /// Those of rows [first, last), in order; plain where `not_plain` has no bit, and none where it is null. What is returned
  /// lives until the next call.
  [[nodiscard]] std::span<const peak_candidate> list(const hit_bits& hits, std::uint32_t first, std::uint32_t last,
                                                     const hit_bits* not_plain);

 private:
  std::vector<word_place> words_;  ///< those with hits
  std::vector<peak_candidate> candidates_;
};

}  // namespace countem::cpu
