#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/types.hpp>

namespace countem::cpu {

/// Scores of the peaks of an image of charges (docs/semantics.md, method peaks) whose charge is above `candidate16` and below
/// `xray16`, appended to `scores` in the order of the pixels; `no_charge` stands for pixels that have none.
void append_peak_scores(std::span<const std::int32_t> charges, frame_shape shape, std::int32_t candidate16, std::int32_t xray16,
                        std::vector<std::int64_t>& scores);

}  // namespace countem::cpu
