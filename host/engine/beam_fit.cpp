#include "host/engine/beam_fit.hpp"

#include <Eigen/Dense>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "host/engine/beam_band.hpp"
#include "host/engine/rim_profile.hpp"

namespace countem {

namespace {

using namespace beam;

constexpr double narrowest_rim = 0.03;
constexpr double rim_electrons = 5;
constexpr double usual_rim = 0.5;
/// The background is at least this share of the disk, so that one stray electron does not rule out a rim.
constexpr double least_background = 1e-3;
/// What the model of a pixel leaves out, in cells.
constexpr double model_error = 0.002;
/// Slopes are small against the level: the standard deviation of what is expected of them, in that of the level.
constexpr double expected_slope = 0.2;

/// Expected counts of a sample, and their derivatives.
double expected(const sample& of, const vector& at, vector& slope) {
  const double dr = of.row - at[row];
  const double dc = of.column - at[column];
  const double distance = std::max(1e-6, std::sqrt(dr * dr + dc * dc));
  const double sine = dr / distance;
  const double cosine = dc / distance;
  const double level = std::max(0.05 * at[disk], at[disk] + at[disk_row] * sine + at[disk_column] * cosine);
  const double beside =
      std::max({least_background * at[disk], 0.05 * at[back], at[back] + at[back_row] * sine + at[back_column] * cosine});
  rim_coverage covered{of.inside, 0, 0};
  const double width = width_of(at);
  if (of.inside < 0) {
    // The mean distance of a pixel's points from the centre is a little more than that of its middle.
    // Blur moves the rim of a disk inwards, since it is bent.
    const double inwards =
        at[radius] - distance - 1 / (24 * std::max(1.0, distance)) - width * width / (2 * std::max(1.0, at[radius]));
    const double reach = rim_reach(width);
    if (inwards > reach || inwards < -reach) {
      covered.share = inwards > 0 ? 1 : 0;
    } else {
      covered = cover(inwards, cosine, sine, width);
    }
  }
  const double by_place = level * covered.by_place * of.cells;
  slope[row] = by_place * sine;
  slope[column] = by_place * cosine;
  slope[radius] = by_place;
  slope[log_width] = level * (covered.by_width - covered.by_place * width / std::max(1.0, at[radius])) * width * of.cells;
  slope[disk] = covered.share * of.cells;
  slope[disk_row] = slope[disk] * sine;
  slope[disk_column] = slope[disk] * cosine;
  slope[back] = of.cells;
  slope[back_row] = of.cells * sine;
  slope[back_column] = of.cells * cosine;
  return std::max(1e-12, (beside + level * std::max(0.0, covered.share)) * of.cells);
}

/// What is expected of parameters before the data are seen, as a variance of each; 0: nothing.
vector expectation(const vector& at) {
  vector variance = vector::Zero();
  variance[log_width] = 4;
  variance[disk_row] = variance[disk_column] = std::pow(expected_slope * at[disk], 2);
  variance[back_row] = variance[back_column] = std::pow(expected_slope * at[back] + 0.01 * at[disk], 2);
  return variance;
}

struct likelihood {
  double value = 0;
  vector slope = vector::Zero();
  matrix information = matrix::Zero();
  matrix spread = matrix::Zero();  ///< of the slope, from the residuals
};

likelihood likelihood_of(const rim_band& band, const vector& at, const vector& variance, bool with_spread = false) {
  likelihood sum;
  vector slope;
  for (const sample& one : band.samples) {
    if (band.good[one.sector] == 0) continue;
    const double mean = expected(one, at, slope);
    const double residual = one.counts / mean - 1;
    sum.value += one.counts * std::log(mean) - mean;
    sum.slope += residual * slope;
    sum.information += slope / mean * slope.transpose();
    if (with_spread) sum.spread += slope * (residual * residual) * slope.transpose();
  }
  for (int p = 0; p < parameters; ++p) {
    if (variance[p] <= 0) continue;
    const double away = at[p] - (p == log_width ? std::log(usual_rim) : 0);
    sum.value -= away * away / variance[p] / 2;
    sum.slope[p] -= away / variance[p];
    sum.information(p, p) += 1 / variance[p];
  }
  return sum;
}

void keep_sane(vector& at) {
  // A narrower rim than a few electrons lie in makes a likelihood with a peak at each of them.
  const double narrowest = std::max(narrowest_rim, rim_electrons / (two_pi * at[radius] * at[disk]));
  const double widest = std::max(0.3, 0.6 * at[radius]);
  at[log_width] = std::log(std::clamp(width_of(at), std::min(narrowest, widest), widest));
  at[back] = std::max(at[back], least_background * at[disk]);
}

/// Fisher scoring with Levenberg's damping, as far as the band holds.
bool climb(const rim_band& band, vector& at) {
  constexpr int most_steps = 25;
  const vector start = at;
  const vector variance = expectation(at);
  likelihood now = likelihood_of(band, at, variance);
  double damping = 1e-3;
  for (int step = 0; step < most_steps; ++step) {
    matrix damped = now.information;
    damped.diagonal() *= 1 + damping;
    vector change = damped.ldlt().solve(now.slope);
    if (!change.allFinite()) return false;
    const double moved = std::max({std::abs(change[row]), std::abs(change[column]), std::abs(change[radius])});
    const double most = band.slack();
    if (moved > most) change *= most / moved;
    change[log_width] = std::clamp(change[log_width], -0.7, 0.7);
    vector next = at + change;
    if (!(next[disk] > 0)) next[disk] = at[disk] / 2;
    keep_sane(next);
    const likelihood there = likelihood_of(band, next, variance);
    if (there.value >= now.value) {
      const double gained = there.value - now.value;
      at = next;
      now = there;
      damping = std::max(1e-9, damping / 5);
      if (gained < 3e-3) return true;
    } else {
      damping = damping < 1e-2 ? 1e-1 : damping * 8;
      if (damping > 1e6) return true;
    }
    const double off =
        std::max({std::abs(at[row] - start[row]), std::abs(at[column] - start[column]), std::abs(at[radius] - start[radius])});
    if (off > 2 * band.slack() || width_of(at) > widest_in_cells) return true;  // a new band is due
  }
  return true;
}

/// Leaves out sectors whose rim lies elsewhere than the fitted one.
void judge_rims(rim_band& band, const vector& at) {
  std::vector<double> score(band.sectors(), 0);
  std::vector<double> information(band.sectors(), 0);
  vector slope;
  for (const sample& one : band.samples) {
    if (one.inside >= 0) continue;
    const double mean = expected(one, at, slope);
    score[one.sector] += (one.counts / mean - 1) * slope[radius];
    information[one.sector] += slope[radius] * slope[radius] / mean;
  }
  constexpr double sigmas = 4;
  const double harmless = 0.3 + 0.3 * width_of(at);
  for (std::size_t s = 0; s < band.sectors(); ++s) {
    if (!(information[s] > 0)) continue;
    const double off = score[s] / information[s];
    if (std::abs(off) > harmless + sigmas / std::sqrt(information[s])) band.good[s] = 0;
  }
}

/// Likelihood of the good sectors if they were flat.
double flat_likelihood(const rim_band& band) {
  double counts = 0;
  double cells = 0;
  for (const sample& one : band.samples) {
    if (band.good[one.sector] == 0) continue;
    counts += one.counts;
    cells += one.cells;
  }
  return counts > 0 ? counts * std::log(counts / cells) - counts : 0;
}

double rim_likelihood(const rim_band& band, const vector& at) {
  vector slope;
  double value = 0;
  for (const sample& one : band.samples) {
    if (band.good[one.sector] == 0) continue;
    const double mean = expected(one, at, slope) / one.cells;
    value += one.counts * std::log(mean) - mean * one.cells;
  }
  return value;
}

/// The greatest likelihood of the good sectors if their logarithm were a parabola across the rim with slopes along it.
double smooth_likelihood(const rim_band& band, const vector& at) {
  constexpr int terms = 5;
  using small = Eigen::Matrix<double, terms, 1>;
  struct term_sample {
    small terms;
    double counts;
    double cells;
  };
  std::vector<term_sample> samples;
  double counts = 0;
  double cells = 0;
  for (const sample& one : band.samples) {
    if (band.good[one.sector] == 0) continue;
    const double dr = one.row - at[row];
    const double dc = one.column - at[column];
    const double distance = std::max(1e-6, std::hypot(dr, dc));
    const double x = (distance - at[radius]) / std::max(1.0, at[radius]);
    samples.push_back({{1, x, x * x, dr / distance, dc / distance}, one.counts, one.cells});
    counts += one.counts;
    cells += one.cells;
  }
  if (!(counts > 0)) return 0;
  const auto value_of = [&](const small& tried) {
    double value = 0;
    for (const term_sample& one : samples) {
      const double logarithm = std::min(50.0, tried.dot(one.terms));
      value += one.counts * logarithm - one.cells * std::exp(logarithm);
    }
    return value;
  };
  small best = small::Zero();
  best[0] = std::log(counts / cells);
  double value = value_of(best);
  constexpr int most_steps = 30;
  for (int step = 0; step < most_steps; ++step) {
    small slope = small::Zero();
    Eigen::Matrix<double, terms, terms> information = Eigen::Matrix<double, terms, terms>::Identity() * 1e-9;
    for (const term_sample& one : samples) {
      const double mean = one.cells * std::exp(std::min(50.0, best.dot(one.terms)));
      slope += (one.counts - mean) * one.terms;
      information += mean * one.terms * one.terms.transpose();
    }
    small change = information.ldlt().solve(slope);
    double next = value_of(best + change);
    for (int halving = 0; halving < 10 && !(next >= value); ++halving) {
      change /= 2;
      next = value_of(best + change);
    }
    if (!(next > value + 1e-3)) break;
    best += change;
    value = next;
  }
  return value;
}

fitted_disk described(const rim_band& band, const vector& at) {
  const likelihood best = likelihood_of(band, at, expectation(at), true);
  const matrix inverse = best.information.ldlt().solve(matrix::Identity());
  // Where the model is right both agree; where it is not (counts are no single electrons, the disk has structure), the
  // residuals know.
  const matrix by_residuals = inverse * best.spread * inverse;
  const auto error = [&](int p) { return std::hypot(std::sqrt(std::max(inverse(p, p), by_residuals(p, p))), model_error); };
  fitted_disk fit;
  fit.centre = {at[row], at[column]};
  fit.radius = at[radius];
  fit.rim_width = width_of(at);
  fit.centre_error = {error(row), error(column)};
  fit.radius_error = error(radius);
  fit.level = at[disk];
  fit.background = at[back];
  double good = 0;
  double seen = 0;
  for (std::size_t s = 0; s < band.sectors(); ++s) {
    good += band.good[s];
    seen += band.seen[s] >= 0.5 ? 1 : 0;
  }
  fit.rim_share = good / static_cast<double>(band.sectors());
  fit.seen_share = seen / static_cast<double>(band.sectors());
  const double with_rim = rim_likelihood(band, at);
  fit.evidence = with_rim - flat_likelihood(band);
  fit.sharpness = with_rim - smooth_likelihood(band, at);
  return fit;
}

}  // namespace

std::optional<fitted_disk> fit_disk(const beam_pattern& pattern, const rough_disk& start, bool& too_wide) {
  too_wide = false;
  vector at = vector::Zero();
  at[row] = start.centre.row;
  at[column] = start.centre.column;
  at[radius] = start.radius;
  at[log_width] = std::log(std::max(0.5, std::min(start.smoothing / 16, start.radius / 8)));
  const std::size_t sectors = sectors_for(pattern, at);
  constexpr int rounds = 10;
  std::optional<rim_band> band;
  vector before = at;
  for (int round = 0; round < rounds; ++round) {
    band.emplace(pattern, at, sectors);
    const band_levels levels = judge_sides(*band);
    if (!(levels.disk > 0)) return std::nullopt;
    if (round == 0) {
      at[disk] = levels.disk;
      at[back] = std::max(levels.background, least_background * levels.disk);
    } else {
      if (round > 1) judge_rims(*band, at);
      drop_neighbours(*band);
    }
    if (std::ranges::count(band->good, 1) < 3) return std::nullopt;
    before = at;
    if (!climb(*band, at)) return std::nullopt;
    too_wide = width_of(at) > widest_in_cells;
    if (too_wide) return std::nullopt;
    if (!(at[radius] > 0.5) || at[radius] > std::max(pattern.height, pattern.width)) return std::nullopt;
    const double moved = std::max(
        {std::abs(at[row] - before[row]), std::abs(at[column] - before[column]), std::abs(at[radius] - before[radius])});
    if (round > 1 && moved < 0.01) break;
  }
  return described(*band, at);
}

}  // namespace countem
