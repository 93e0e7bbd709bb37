#include "host/engine/drift.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include <countem/counting.hpp>
#include <countem/error.hpp>
#include <countem/source_issue.hpp>

#include "kernels/cpu/row_statistic.hpp"

namespace countem::engine {

namespace {

constexpr std::size_t most_stretches = 8;
constexpr std::size_t fewest_frames = 3;  ///< of a stretch: one odd frame moves no median
constexpr std::int32_t least_drift = charge_units_per_adu / 2;

/// The lower quartile. Reorders `charges`, which are not empty.
std::int32_t lower_quartile(std::span<std::int32_t> charges) {
  const auto at = charges.begin() + static_cast<std::ptrdiff_t>(charges.size() / 4);
  std::nth_element(charges.begin(), at, charges.end());
  return *at;
}

}  // namespace

std::optional<frame_level> level_of(std::span<const std::int32_t> charges, frame_shape shape) {
  std::vector<std::int32_t> some;
  for (std::uint64_t row = 0; row < shape.height; row += background_row_step(shape.height)) {
    for (const std::int32_t charge : charges.subspan(row * shape.width, shape.width)) {
      if (charge != no_charge) some.push_back(charge);
    }
  }
  if (some.empty()) return std::nullopt;
  const std::int32_t middle = cpu::median(some);
  return frame_level{cpu::mean_about(middle, some), middle - lower_quartile(some)};
}

std::optional<std::int32_t> drift_of(std::span<const frame_level> levels) {
  const std::size_t stretches = std::min(most_stretches, levels.size() / fewest_frames);
  if (stretches < 2) return std::nullopt;
  std::vector<std::int32_t> medians;
  for (std::size_t i = 0; i < stretches; ++i) {
    const std::size_t first = i * levels.size() / stretches;
    const std::size_t last = (i + 1) * levels.size() / stretches;
    std::vector<std::int32_t> stretch;
    for (const frame_level& level : levels.subspan(first, last - first)) stretch.push_back(level.level16);
    medians.push_back(cpu::median(stretch));
  }
  std::vector<std::int32_t> spreads;
  for (const frame_level& level : levels) spreads.push_back(level.spread16);
  const auto [lowest, highest] = std::minmax_element(medians.begin(), medians.end());
  const std::int64_t drift = std::int64_t{*highest} - *lowest;
  if (drift < least_drift || 2 * drift <= cpu::median(spreads)) return std::nullopt;
  // Levels lie within charge_limit of 0; their difference is taken as far as 32 bits go.
  const auto size = static_cast<std::int32_t>(std::min<std::int64_t>(drift, charge_limit));
  return lowest < highest ? size : -size;
}

void note_drift(calibration& made, const charge_sample& sample) {
  std::vector<std::optional<frame_level>> found(sample.frames().size());
  sample.for_each([&](std::size_t i, std::span<const std::int32_t> charges) { found[i] = level_of(charges, sample.shape()); });
  std::vector<frame_level> levels;
  for (const auto& level : found) {
    if (level) levels.push_back(*level);
  }
  const std::optional<std::int32_t> drift16 = drift_of(levels);
  if (!drift16) return;
  const double size = static_cast<double>(*drift16) / charge_units_per_adu;
  made.notes.push_back(
      {"drift",
       fmt::format("the level of the frames moves by {:+.1f} ADU along the scan, and thresholds stay where they are", size),
       1,
       {{advice_kind::frame_shift}}});
}

}  // namespace countem::engine
