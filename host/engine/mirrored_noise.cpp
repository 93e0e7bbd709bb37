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

/// Without a beam N+ and N- differ by chance alone.
bool shows_electrons(const mirrored_threshold& at) {
  constexpr unsigned deviations = 5;
  const wide electrons = at.charges - at.noise;
  return electrons * electrons >= deviations * deviations * (wide{at.charges} + at.noise);
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

peak_tails::peak_tails(std::int32_t highest)
    : charges_(static_cast<std::size_t>(highest) + 3), noise_(static_cast<std::size_t>(highest) + 3) {}

std::size_t peak_tails::place(std::int64_t value) const {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(value + 1, 0, static_cast<std::int64_t>(charges_.size()) - 1));
}

void peak_tails::merge(const peak_tails& other) {
  std::transform(charges_.begin(), charges_.end(), other.charges_.begin(), charges_.begin(), std::plus<>());
  std::transform(noise_.begin(), noise_.end(), other.noise_.begin(), noise_.begin(), std::plus<>());
}

void peak_tails::cumulate() {
  std::partial_sum(charges_.begin(), charges_.end(), charges_.begin());
  std::partial_sum(noise_.begin(), noise_.end(), noise_.begin());
}

mirrored_sample mirrored_charges(const charge_tails& tails, const gaussian& noise) {
  const std::int64_t mirror = std::llrint(2 * noise.mean);
  return {std::max<std::int64_t>(std::llrint(noise.mean), 0), tails.highest(), [&tails, mirror](std::int64_t threshold16) {
            return mirrored_threshold{threshold16, tails.above(threshold16), tails.below(mirror - threshold16)};
          }};
}

mirrored_sample mirrored_peaks(const peak_tails& tails, std::int64_t first) {
  return {std::clamp<std::int64_t>(first, 0, tails.highest()), tails.highest(), [&tails](std::int64_t threshold16) {
            return mirrored_threshold{threshold16, tails.above(threshold16), tails.mirrored_above(threshold16)};
          }};
}

std::optional<mirrored_threshold> best_threshold(const mirrored_sample& sample, std::int64_t lowest) {
  std::optional<mirrored_threshold> best;
  for (std::int64_t t = std::max(lowest, sample.first); t <= sample.last; ++t) {
    const mirrored_threshold here = sample.beyond(t);
    if (here.charges > here.noise && (!best || is_as_good(here, *best))) best = here;
  }
  return best && shows_electrons(*best) ? best : std::nullopt;
}

std::optional<mirrored_threshold> threshold_with_noise(const mirrored_sample& sample, std::uint64_t most) {
  for (std::int64_t t = sample.first; t <= sample.last; ++t) {
    const mirrored_threshold here = sample.beyond(t);
    if (here.noise <= most) return here;
  }
  return std::nullopt;
}

}  // namespace countem::engine
