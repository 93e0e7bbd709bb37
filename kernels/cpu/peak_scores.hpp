#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/types.hpp>

namespace countem::cpu {

/// A peak of an image of charges (docs/semantics.md, method peaks).
struct image_peak {
  std::int64_t charge;
  std::int64_t score;
};

/// The peaks whose charge is above `candidate16` and below `xray16`, in the order of the pixels; `no_charge` stands for pixels
/// that have none.
[[nodiscard]] std::vector<image_peak> find_peaks(std::span<const std::int32_t> charges, frame_shape shape,
                                                 std::int32_t candidate16, std::int32_t xray16);

}  // namespace countem::cpu
