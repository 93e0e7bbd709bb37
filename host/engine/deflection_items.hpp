#pragma once

#include <string_view>

#include <countem/reduction_plan.hpp>

namespace countem::engine {

/// Takes an item of a plan that sets one of its deflection_options. @return false when it is none of them
/// @throws invalid_argument naming the item and what was expected
[[nodiscard]] bool take_deflection_item(reduction_plan& plan, std::string_view whole, std::string_view name,
                                        std::string_view rest);

/// @throws invalid_argument when the options contradict each other or the rest of the plan.
void validate_deflections(const reduction_plan& plan);

/// The names of these items, for a sentence.
inline constexpr std::string_view deflection_item_names =
    "phase:periodic, phase-high-pass:CYCLES, scan-rotation:auto, scan-rotation:DEGREES, flip, flip:no, "
    "descan-from:R0:R1,C0:C1, pixel-mrad:X, pixel-per-nm:X, voltage:KV, scan-step:NM";

}  // namespace countem::engine
