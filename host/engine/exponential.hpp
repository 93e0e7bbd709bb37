#pragma once

namespace countem::engine {

/// e^x with an error below one unit in the last place and the same bits on every machine: additions, multiplications and powers
/// of two alone. std::exp() differs in its last bit between processors with and without fused multiply-add, and so does what is
/// fitted with it. 0 where e^x is below the least normal number, infinity from x = 709.75 on.
[[nodiscard]] double exponential(double x);

}  // namespace countem::engine
