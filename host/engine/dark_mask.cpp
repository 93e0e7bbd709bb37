#include "host/engine/dark_mask.hpp"

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <countem/calibration.hpp>

#include "host/engine/robust.hpp"
#include "host/engine/threads.hpp"

namespace countem::engine {

namespace {

constexpr double dead_probability = 1e-9;
constexpr float blinking_ratio = 2;
constexpr float blinking_sigmas = 8;
constexpr float hot_sigmas = 8;
constexpr std::uint32_t neighbourhood_radius = 2;

float lowest_hot_spread() {
  return 1.0F / charge_units_per_adu;
}

/// How many equal values in a row prove that a pixel is dead. Infinite where good pixels hardly change either.
double frames_to_prove_dead(const dark_statistics& darks, float typical_sigma) {
  if (!(typical_sigma > 0)) return std::numeric_limits<double>::infinity();
  if (!darks.integer) return 3;
  // Probability of the commonest whole ADU.
  const double repeat = std::erf(0.5 / (std::numbers::sqrt2 * typical_sigma));
  return 1 + std::ceil(std::log(dead_probability) / std::log(repeat));
}

/// Dark mean minus the median of the neighbours that arrived.
float above_neighbours(const dark_statistics& darks, std::uint32_t row, std::uint32_t column, std::vector<float>& neighbours) {
  const auto [height, width] = darks.shape;
  neighbours.clear();
  const std::uint32_t bottom = std::min(height - 1, row + neighbourhood_radius);
  const std::uint32_t right = std::min(width - 1, column + neighbourhood_radius);
  for (std::uint32_t y = row - std::min(row, neighbourhood_radius); y <= bottom; ++y) {
    for (std::uint32_t x = column - std::min(column, neighbourhood_radius); x <= right; ++x) {
      const std::uint64_t p = std::uint64_t{y} * width + x;
      if ((y != row || x != column) && darks.count[p] != 0) neighbours.push_back(darks.mean_adu[p]);
    }
  }
  const float own = darks.mean_adu[std::uint64_t{row} * width + column];
  return neighbours.empty() ? 0 : own - median(neighbours);
}

std::vector<float> all_above_neighbours(const dark_statistics& darks, unsigned threads) {
  std::vector<float> above(darks.shape.pixels());
  run_with(threads, [&] {
    oneapi::tbb::parallel_for(std::uint32_t{0}, darks.shape.height, [&](std::uint32_t row) {
      std::vector<float> neighbours;
      for (std::uint32_t column = 0; column < darks.shape.width; ++column) {
        above[std::uint64_t{row} * darks.shape.width + column] = above_neighbours(darks, row, column, neighbours);
      }
    });
  });
  return above;
}

/// The values of the pixels that arrived at least `frames` times.
std::vector<float> known(const std::vector<float>& values, const dark_statistics& darks, std::uint32_t frames) {
  std::vector<float> kept;
  kept.reserve(values.size());
  for (std::size_t p = 0; p < values.size(); ++p) {
    if (darks.count[p] >= frames) kept.push_back(values[p]);
  }
  return kept;
}

}  // namespace

std::vector<std::uint8_t> mask_from(const dark_statistics& darks, unsigned threads) {
  const std::vector<float> above = all_above_neighbours(darks, threads);
  const robust_spread structure = spread_of(known(above, darks, 1));
  const robust_spread noise = spread_of(known(darks.sigma_adu, darks, 2));
  const double dead_frames = frames_to_prove_dead(darks, noise.centre);
  const float blinking = std::max(blinking_ratio * noise.centre, noise.centre + blinking_sigmas * noise.sigma);
  const float hot = hot_sigmas * std::max({structure.sigma, noise.centre, lowest_hot_spread()});

  std::vector<std::uint8_t> mask(darks.shape.pixels());
  for (std::size_t p = 0; p < mask.size(); ++p) {
    const bool silent = darks.sigma_adu[p] == 0 && darks.count[p] >= dead_frames;
    unsigned reasons = 0;
    if (darks.count[p] == 0 || silent) reasons |= mask_dead;
    // Where most pixels have no noise, one that has some is no evidence.
    if (noise.centre > 0 && darks.sigma_adu[p] > blinking) reasons |= mask_blinking;
    if (darks.count[p] != 0 && above[p] > hot) reasons |= mask_hot;
    mask[p] = static_cast<std::uint8_t>(reasons);
  }
  return mask;
}

}  // namespace countem::engine
