#include "host/engine/mirrored_noise.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace countem::engine {

namespace {

__extension__ using wide = unsigned __int128;

/// (N+ - N-)^2 / N+ of `one` is at least that of `other`; both have N+ > N-.
bool is_as_good(const mirrored_threshold& one, const mirrored_threshold& other) {
  const wide electrons = one.charges - one.noise;
  const wide other_electrons = other.charges - other.noise;
  return electrons * electrons * other.charges >= other_electrons * other_electrons * one.charges;
}

}  // namespace

charge_tails::charge_tails(std::int32_t centre, std::int32_t reach)
    : first_(std::int64_t{centre} - reach), counts_(2 * static_cast<std::size_t>(reach) + 3) {}

void charge_tails::add(std::int32_t charge) {
  const auto last = static_cast<std::int64_t>(counts_.size()) - 1;
  ++counts_[static_cast<std::size_t>(std::clamp<std::int64_t>(charge - first_ + 1, 0, last))];
}

void charge_tails::merge(const charge_tails& other) {
  std::transform(counts_.begin(), counts_.end(), other.counts_.begin(), counts_.begin(), std::plus<>());
}

void charge_tails::cumulate() {
  std::partial_sum(counts_.begin(), counts_.end(), counts_.begin());
}

std::uint64_t charge_tails::above(std::int64_t value) const {
  return counts_.back() - counts_[static_cast<std::size_t>(value - first_ + 1)];
}

std::uint64_t charge_tails::below(std::int64_t value) const {
  return counts_[static_cast<std::size_t>(std::max<std::int64_t>(value - first_, 0))];
}

mirrored_threshold beyond(const charge_tails& tails, const gaussian& noise, std::int32_t background16) {
  const std::int64_t mirror = std::llrint(2 * noise.mean);
  return {background16, tails.above(background16), tails.below(mirror - background16)};
}

std::optional<mirrored_threshold> best_threshold(const charge_tails& tails, const gaussian& noise) {
  constexpr double fewest_sigmas = 3;
  std::optional<mirrored_threshold> best;
  const auto lowest = static_cast<std::int64_t>(std::ceil(noise.mean + fewest_sigmas * noise.sigma));
  for (std::int64_t t = std::max<std::int64_t>(lowest, 0); t <= tails.highest(); ++t) {
    const mirrored_threshold here = beyond(tails, noise, static_cast<std::int32_t>(t));
    if (here.charges > here.noise && (!best || is_as_good(here, *best))) best = here;
  }
  return best;
}

std::optional<mirrored_threshold> threshold_with_noise(const charge_tails& tails, const gaussian& noise, std::uint64_t most) {
  for (auto t = std::max<std::int64_t>(std::llrint(noise.mean), 0); t <= tails.highest(); ++t) {
    const mirrored_threshold here = beyond(tails, noise, static_cast<std::int32_t>(t));
    if (here.noise <= most) return here;
  }
  return std::nullopt;
}

}  // namespace countem::engine
