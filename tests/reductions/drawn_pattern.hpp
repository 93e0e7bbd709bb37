#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

#include <countem/found_beam.hpp>

namespace countem::test {

/// A summed pattern that a test draws electron by electron.
struct pattern {
  frame_shape shape{576, 576};
  std::vector<std::uint64_t> sum;
  std::vector<std::uint8_t> masked;
};

/// Numbers that are the same with every standard library.
class dice {
 public:
  explicit dice(std::uint64_t seed) : bits_(seed) {}
  double uniform() { return static_cast<double>(bits_() >> 11U) * 0x1p-53; }
  double normal() {
    const double away = std::sqrt(-2 * std::log(1 - uniform()));
    return away * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 bits_;
};

/// A point in braces draws its row first, with every compiler; the arguments of a call are drawn in any order.
inline void add(pattern& into, detector_point at) {
  const double r = std::floor(at.row + 0.5);
  const double c = std::floor(at.column + 0.5);
  if (r < 0 || c < 0 || r >= into.shape.height || c >= into.shape.width) return;
  ++into.sum[static_cast<std::size_t>(r) * into.shape.width + static_cast<std::size_t>(c)];
}

inline void add_disk(pattern& into, dice& random, detector_point centre, double radius, double electrons, double blur = 0) {
  for (double i = 0; i < electrons; ++i) {
    const double away = radius * std::sqrt(random.uniform());
    const double angle = 2 * std::numbers::pi * random.uniform();
    add(into, {centre.row + away * std::sin(angle) + (blur > 0 ? blur * random.normal() : 0),
               centre.column + away * std::cos(angle) + (blur > 0 ? blur * random.normal() : 0)});
  }
}

inline void add_flat(pattern& into, dice& random, double electrons) {
  for (double i = 0; i < electrons; ++i)
    add(into, {random.uniform() * into.shape.height - 0.5, random.uniform() * into.shape.width - 0.5});
}

inline found_beam find(const pattern& in) {
  return find_beam(in.sum, in.shape, {in.masked, 1, "the summed pattern"});
}

}  // namespace countem::test
