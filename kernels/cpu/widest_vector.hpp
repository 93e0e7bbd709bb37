#pragma once

#include <cstddef>

namespace countem::cpu {

/// Vectors are read and written whole: so many numbers that may touch behind the last one, with vectors of up to 2048 bits.
template <class Number>
inline constexpr std::size_t widest_vector = 2048 / 8 / sizeof(Number);

}  // namespace countem::cpu
