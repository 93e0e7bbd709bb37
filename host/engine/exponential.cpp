#include "host/engine/exponential.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace countem::engine {

double exponential(double x) {
  if (!(x < 709.75)) return x >= 709.75 ? std::numeric_limits<double>::infinity() : x;  // NaN stays NaN
  if (x < -708.25) return 0;
  // x = twos ln 2 + rest, |rest| <= ln 2 / 2. The upper part of ln 2 ends in zeros, so that its multiples are exact.
  constexpr double ln2_upper = 0x1.62e42fefa38p-1;
  constexpr double ln2_lower = 0x1.ef35793c7673p-45;
  const double twos = std::floor(x * (1 / 0x1.62e42fefa39efp-1) + 0.5);
  const double upper = x - twos * ln2_upper;
  const double lower = twos * ln2_lower;
  const double rest = upper - lower;
  // The sum of rest^n / n! from the end; the 14th term is below 2^-58. The last two additions keep what `rest` lost by
  // rounding.
  constexpr std::array<double, 12> reciprocal_factorials{1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                                         1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                                         1.0 / 120,        1.0 / 24,        1.0 / 6,        1.0 / 2};
  double sum = 0;
  for (const double reciprocal : reciprocal_factorials) sum = sum * rest + reciprocal;
  const double lost = (upper - rest) - lower;
  return std::ldexp(1 + (rest + (sum * rest * rest + lost)), static_cast<int>(twos));
}

}  // namespace countem::engine
