#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/reduction_plan.hpp>

namespace countem::python {

/// A result as bytes for another process of this version on a machine of the same byte order.
[[nodiscard]] std::vector<std::uint8_t> packed(const reduction_result& result);

/// The inverse of packed(). @throws format_error where the bytes are not what it made
[[nodiscard]] reduction_result unpacked(std::span<const std::uint8_t> bytes);

}  // namespace countem::python
