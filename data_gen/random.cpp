#include "data_gen/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace countem::data_gen {

namespace {

constexpr std::uint32_t philox_multiplier_0 = 0xD2511F53;
constexpr std::uint32_t philox_multiplier_1 = 0xCD9E8D57;
constexpr std::uint32_t philox_weyl_0 = 0x9E3779B9;
constexpr std::uint32_t philox_weyl_1 = 0xBB67AE85;
constexpr int philox_rounds = 10;

std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32);
}

struct philox_block {
  std::uint32_t c0, c1, c2, c3;
};

inline philox_block mix(philox_block c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < philox_rounds; ++round) {
    const std::uint64_t product_0 = std::uint64_t{philox_multiplier_0} * c.c0;
    const std::uint64_t product_1 = std::uint64_t{philox_multiplier_1} * c.c2;
    c = {high(product_1) ^ c.c1 ^ k0, low(product_1), high(product_0) ^ c.c3 ^ k1, low(product_0)};
    k0 += philox_weyl_0;
    k1 += philox_weyl_1;
  }
  return c;
}

/// The x > 0 beyond which a standard normal number lies with probability `upper_tail` < 1/2.
double normal_quantile(double upper_tail) {
  double x =
      std::sqrt(-2 * std::log(2 * upper_tail));  // from the right side, where Newton's steps on this convex tail converge
  for (int iteration = 0; iteration < 60; ++iteration) {
    const double excess = 0.5 * std::erfc(x / std::numbers::sqrt2) - upper_tail;
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
    const double step = std::clamp(excess / density, -1.0, 1.0);
    x += step;
    if (std::abs(step) < 1e-12) break;
  }
  return x;
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  const philox_block mixed = mix({counter[0], counter[1], counter[2], counter[3]}, key[0], key[1]);
  return {mixed.c0, mixed.c1, mixed.c2, mixed.c3};
}

random_stream::random_stream(std::uint64_t seed, std::uint64_t frame, purpose used_for)
    : key_{low(seed), high(seed)}, counter_{0, static_cast<std::uint32_t>(used_for), low(frame), high(frame)} {}

void random_stream::refill() {
  // Word-major, so that neighbouring blocks lie in one vector register.
  for (std::size_t block = 0; block < blocks; ++block) {
    const philox_block mixed =
        mix({counter_[0] + static_cast<std::uint32_t>(block), counter_[1], counter_[2], counter_[3]}, key_[0], key_[1]);
    words_[block] = mixed.c0;
    words_[blocks + block] = mixed.c1;
    words_[2 * blocks + block] = mixed.c2;
    words_[3 * blocks + block] = mixed.c3;
  }
  counter_[0] += blocks;
  position_ = 0;
}

const normal_table& normal_table::get() {
  static const normal_table table;
  return table;
}

normal_table::normal_table() : cells_(1U << 16), tail_(1U << 12) {
  const std::size_t half = cells_.size() / 2;
  for (std::size_t cell = 0; cell < half; ++cell) {
    const double x = normal_quantile((static_cast<double>(cell) + 0.5) / static_cast<double>(cells_.size()));
    cells_[cell] = static_cast<float>(-x);
    cells_[cells_.size() - 1 - cell] = static_cast<float>(x);
  }
  const double tail_probability = 1.0 / static_cast<double>(cells_.size());
  for (std::size_t cell = 0; cell < tail_.size(); ++cell) {
    const double inside = (static_cast<double>(cell) + 0.5) / static_cast<double>(tail_.size());
    tail_[cell] = static_cast<float>(normal_quantile(tail_probability * inside));
  }
}

poisson_table::poisson_table(double mean) {
  // Ratios outwards from the mode need no exponential and cannot underflow where it matters.
  const auto mode = static_cast<std::uint32_t>(mean);
  constexpr double negligible = 0x1p-40;
  std::vector<double> below;
  double weight = 1;
  for (std::uint32_t number = mode; number > 0 && weight > negligible; --number) {
    weight *= number / mean;
    below.push_back(weight);
  }
  first_ = mode - static_cast<std::uint32_t>(below.size());
  std::vector<double> weights(below.rbegin(), below.rend());
  weight = 1;
  for (std::uint32_t number = mode; weight > negligible; ++number) {
    weights.push_back(weight);
    weight *= mean / (number + 1.0);
  }
  double total = 0;
  for (const double each : weights) cumulative_.push_back(total += each);
  for (double& each : cumulative_) each /= total;
}

std::uint32_t poisson_table::draw(random_stream& from) const {
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, from.uniform());
  return first_ + static_cast<std::uint32_t>(found - cumulative_.begin());
}

}  // namespace countem::data_gen
