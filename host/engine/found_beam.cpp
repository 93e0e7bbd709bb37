#include <countem/found_beam.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include <countem/error.hpp>

#include "host/engine/beam_circle.hpp"
#include "host/engine/beam_fit.hpp"
#include "host/engine/beam_pattern.hpp"

namespace countem {

namespace {

/// e^-25 is the chance of one place to look like a disk; a pattern has some millions of places and sizes.
constexpr double least_evidence = 25;
/// What a fit is tried for.
constexpr double rough_evidence = 15;
/// A disk of fewer electrons may be one of chance whatever its contrast.
constexpr double fewest_electrons = 30;
/// A disk's rim is seen over so much of its circle, and is a rim over so much of what is seen.
constexpr double least_rim = 0.2;
constexpr double least_agreeing = 0.4;
/// Wider rims are those of a smooth background.
constexpr double widest_rim = 0.5;  // in the disk's radius
/// In the pattern's shorter side.
constexpr double largest_spot = 0.1;
/// Smaller ones are clusters of hot pixels.
constexpr double smallest_radius = 2;
/// As least_evidence, against a background that falls smoothly.
constexpr double least_sharpness = 8;
constexpr double largest_error = 0.2;
/// A disk is brighter than its surroundings by this share of them.
constexpr double least_contrast = 0.1;

/// A smooth spot is a beam where it is small; a large one is a halo.
bool has_rim(const fitted_disk& fit, const beam_pattern& pattern) {
  const bool sharp = fit.rim_width <= widest_rim * fit.radius && fit.sharpness >= least_sharpness;
  return sharp || fit.radius + 2 * fit.rim_width < largest_spot * std::min(pattern.height, pattern.width);
}

bool is_beam(const fitted_disk& fit, const beam_pattern& pattern) {
  const double electrons = fit.level * std::numbers::pi * fit.radius * fit.radius * fit.seen_share;
  const double error = std::max({fit.centre_error.row, fit.centre_error.column, fit.radius_error});
  return fit.evidence >= least_evidence && electrons >= fewest_electrons && fit.rim_share >= least_rim &&
         fit.rim_share >= least_agreeing * fit.seen_share && has_rim(fit, pattern) && error <= largest_error * fit.radius &&
         fit.level >= least_contrast * fit.background && fit.radius < 0.75 * std::min(pattern.height, pattern.width);
}

std::uint64_t electrons_within(const beam_pattern& pattern, const fitted_disk& fit) {
  double sum = 0;
  for (std::uint32_t row = 0; row < pattern.height; ++row) {
    const double dr = row - fit.centre.row;
    const double half = fit.radius * fit.radius - dr * dr;
    if (half < 0) continue;
    const double reach = std::sqrt(half);
    const double first = std::max(0.0, std::ceil(fit.centre.column - reach));
    const double last = std::min<double>(pattern.width - 1, std::floor(fit.centre.column + reach));
    for (double column = first; column <= last; ++column)
      sum += pattern.counts[pattern.at(row, static_cast<std::uint32_t>(column))];
  }
  return static_cast<std::uint64_t>(std::llround(sum));
}

/// The fit in cells of `pattern`; with a very wide rim it is made on larger cells.
std::optional<fitted_disk> fit_of(const beam_pattern& pattern, const rough_disk& rough) {
  bool too_wide = false;
  std::optional<fitted_disk> fit = fit_disk(pattern, rough, too_wide);
  if (!too_wide) return fit;
  constexpr std::uint32_t factor = 4;
  const auto coarse_of = [](double place) { return (place + 0.5) / factor - 0.5; };
  const auto fine_of = [](double place) { return (place + 0.5) * factor - 0.5; };
  fit =
      fit_disk(merged(pattern, factor),
               {{coarse_of(rough.centre.row), coarse_of(rough.centre.column)}, rough.radius / factor, rough.smoothing / factor},
               too_wide);
  if (!fit) return fit;
  fit->centre = {fine_of(fit->centre.row), fine_of(fit->centre.column)};
  for (double* length : {&fit->radius, &fit->rim_width, &fit->centre_error.row, &fit->centre_error.column, &fit->radius_error})
    *length *= factor;
  fit->level /= factor * factor;
  fit->background /= factor * factor;
  return fit;
}

/// Cells of a disk that is none, and those around it.
void drop(beam_pattern& pattern, const rough_disk& disk) {
  constexpr double around = 2;
  for (std::uint32_t row = 0; row < pattern.height; ++row) {
    for (std::uint32_t column = 0; column < pattern.width; ++column) {
      if (std::hypot(row - disk.centre.row, column - disk.centre.column) > disk.radius + around) continue;
      pattern.counts[pattern.at(row, column)] = 0;
      pattern.used[pattern.at(row, column)] = 0;
    }
  }
  pattern.sum_up();
}

std::optional<fitted_disk> search(beam_pattern& pattern) {
  std::optional<std::int64_t> side = smallest_side(pattern);
  constexpr int most_clusters = 10;
  for (int i = 0; side && i < most_clusters; ++i) {
    const std::optional<rough_disk> rough = find_rough_disk(pattern, *side);
    if (!rough || rough->radius >= smallest_radius) break;
    drop(pattern, *rough);
    side = smallest_side(pattern);
  }
  constexpr int tries = 3;
  for (int i = 0; side && i < tries; ++i) {
    const std::optional<rough_disk> rough = find_rough_disk(pattern, *side);
    if (rough && evidence_of(pattern, *rough) >= rough_evidence) {
      const std::optional<fitted_disk> fit = fit_of(pattern, *rough);
      if (fit && is_beam(*fit, pattern)) return fit;
    }
    *side = next_side(next_side(*side));
    if (*side > std::min(pattern.height, pattern.width)) break;
  }
  return std::nullopt;
}

/// A disk so bright in terms of the one that was found is named beside it.
constexpr double named_share = 0.5;
/// Of two disks that differ by less, either may be the beam.
constexpr double alike_share = 0.7;
/// Disks of one convergence angle have one radius; what is smaller or larger by more is something else.
constexpr double most_radii = 1.5;

double electrons_of(const fitted_disk& fit) {
  return fit.level * std::numbers::pi * fit.radius * fit.radius;
}

/// Of electrons and of electrons per pixel the lesser share: weaker disks that are taken for one large one have few per pixel.
double share_of(const fitted_disk& other, const fitted_disk& first) {
  return std::min(electrons_of(other) / electrons_of(first), other.level / first.level);
}

/// Whether a square that fits into any disk of this radius is somewhere nearly half as bright: else no search is needed.
bool has_bright_place(const beam_pattern& pattern, const fitted_disk& disk) {
  const auto side = static_cast<std::int64_t>(std::max(1.0, 0.7 * disk.radius));
  const auto step = static_cast<std::int64_t>(std::max(1.0, 0.5 * disk.radius));
  const double least = disk.background + 0.8 * named_share * disk.level;
  for (std::int64_t row = 0; row < pattern.height; row += step) {
    for (std::int64_t column = 0; column < pattern.width; column += step) {
      const beam_pattern::content box = pattern.within(row, row + side, column, column + side);
      if (box.cells > 0 && box.counts >= least * box.cells) return true;
    }
  }
  return false;
}

/// The brightest disk beside the one that was found, where it is nearly as bright. The pattern loses that one.
std::optional<fitted_disk> second_disk(beam_pattern& pattern, const fitted_disk& first) {
  drop(pattern, {first.centre, first.radius + 3 * first.rim_width});
  if (!has_bright_place(pattern, first)) return std::nullopt;
  const std::optional<fitted_disk> other = search(pattern);
  if (!other || share_of(*other, first) < named_share) return std::nullopt;
  const double away = std::hypot(other->centre.row - first.centre.row, other->centre.column - first.centre.column);
  const double radii = other->radius / first.radius;
  const bool alike = radii <= most_radii && radii >= 1 / most_radii && away > std::max(other->radius, first.radius);
  return alike ? other : std::nullopt;
}

found_beam find(std::vector<double> values, frame_shape shape, const beam_search& known) {
  beam_pattern pattern = make_beam_pattern(std::move(values), shape, known);
  const std::optional<fitted_disk> fit = search(pattern);
  if (!fit) return no_beam(shape, known.where);
  const double block = pattern.block;
  const auto pixel = [&](double cell) { return (cell + 0.5) * block - 0.5; };
  found_beam beam;
  beam.found = true;
  beam.centre = {pixel(fit->centre.row), pixel(fit->centre.column)};
  beam.radius = fit->radius * block;
  beam.centre_error = {fit->centre_error.row * block, fit->centre_error.column * block};
  beam.radius_error = fit->radius_error * block;
  beam.rim_width = fit->rim_width * block;
  beam.electrons = electrons_within(pattern, *fit);
  beam.how = "found in " + known.where;
  const std::optional<fitted_disk> other = second_disk(pattern, *fit);
  if (!other) return beam;
  const auto candidate = [&](const fitted_disk& disk) -> beam_candidate {
    return {{pixel(disk.centre.row), pixel(disk.centre.column)}, electrons_of(disk)};
  };
  std::vector<beam_candidate> candidates{candidate(*fit), candidate(*other)};
  if (share_of(*other, *fit) >= alike_share) {
    std::ranges::stable_sort(candidates, std::greater{}, &beam_candidate::electrons);
    beam = no_beam(shape, known.where);
    beam.how = "the frame's middle, since two disks in " + known.where + " are alike";
  }
  beam.candidates = std::move(candidates);
  return beam;
}

void check(std::size_t values, frame_shape shape, const beam_search& known) {
  if (values != shape.pixels() || values == 0) throw invalid_argument("the summed pattern is not of the frame's size");
  if (!known.masked.empty() && known.masked.size() != values) throw invalid_argument("the mask is not of the frame's size");
}

}  // namespace

found_beam find_beam(std::span<const std::uint64_t> sum, frame_shape shape, const beam_search& known) {
  check(sum.size(), shape, known);
  return find({sum.begin(), sum.end()}, shape, known);
}

found_beam find_beam(std::span<const float> image, frame_shape shape, const beam_search& known) {
  check(image.size(), shape, known);
  std::vector<double> values(image.begin(), image.end());
  double least = std::numeric_limits<double>::infinity();
  bool whole = true;
  for (double& value : values) {
    if (std::isinf(value)) throw invalid_argument("the pattern has a value that is infinite");
    if (!(value > 0)) value = 0;
    if (value > 0) least = std::min(least, value);
    whole = whole && value == std::floor(value);
  }
  // The least value of a mean pattern is that of one electron.
  if (!whole) {
    for (double& value : values) value /= least;
  }
  return find(std::move(values), shape, known);
}

found_beam no_beam(frame_shape shape, const std::string& where) {
  found_beam beam;
  beam.centre = middle_of(shape);
  beam.guess = true;
  beam.radius = std::min(shape.height, shape.width) / 4.0;
  beam.how = "the frame's middle, since no beam was found in " + where;
  return beam;
}

}  // namespace countem
