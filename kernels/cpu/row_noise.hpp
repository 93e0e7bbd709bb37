#pragma once

#include <cstdint>
#include <span>

#include <countem/counting.hpp>

namespace countem::cpu {

/// The noise of a half-row: mean or median of its quiet charges, rounded as docs/semantics.md says; 0 where there are none.
/// Reorders `quiet`.
[[nodiscard]] std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> quiet);

}  // namespace countem::cpu
