#include "host/engine/beam_band.hpp"

#include <algorithm>

#include "host/engine/rim_profile.hpp"
#include "host/engine/robust.hpp"

namespace countem::beam {

namespace {

/// How far a band follows a rim that moves, before a new band is due.
double slack_of(const vector& at) {
  return std::max(std::clamp(0.1 * at[radius], 0.3, 0.75), 0.5 * width_of(at));
}

/// How far a band reaches from the rim, inwards and outwards: far enough for the levels on both sides, no farther, since stops
/// and other disks may be near.
std::array<double, 2> depth_of(const vector& at) {
  const double half = rim_reach(width_of(at)) + slack_of(at);
  const double inwards = std::clamp(0.3 * at[radius], 4.0, 24.0);
  const double outwards = std::clamp(0.3 * at[radius], 2.0, 24.0);
  return {std::min(at[radius], std::max(inwards, half + 1)), std::max(outwards, half + 0.5)};
}

std::size_t sector_of(double dr, double dc, std::size_t sectors) {
  const double turn = std::atan2(dr, dc) / two_pi + 0.5;
  return std::min(sectors - 1, static_cast<std::size_t>(turn * static_cast<double>(sectors)));
}

/// Whether counts are far from what is expected, more than chance explains.
bool differs(double counts, double mean) {
  constexpr double sigmas = 3;
  return std::abs(counts - mean) > sigmas * std::sqrt(mean + 1);
}

}  // namespace

rim_band::rim_band(const beam_pattern& pattern, const vector& at, std::size_t sectors)
    : good(sectors, 1), inner(sectors), outer(sectors), seen(sectors, 0) {
  const double width = width_of(at);
  slack_ = slack_of(at);
  const double half = rim_reach(width) + slack_;
  const auto [in, out] = depth_of(at);
  const double beside = std::min(1 + 1.5 * width, 0.45 * at[radius]);
  std::vector<std::array<sample, 2>> far(sectors);
  std::vector<std::array<double, 2>> wanted(sectors, {0, 0});
  std::vector<std::array<double, 2>> there(sectors, {0, 0});
  for (std::size_t s = 0; s < sectors; ++s) {
    inner[s].cells = outer[s].cells = 0;
    for (const std::size_t side : {0U, 1U}) {
      far[s][side].inside = side == 0 ? 1 : 0;
      far[s][side].cells = 0;
      far[s][side].sector = s;
    }
  }
  const double reach = at[radius] + out;
  const auto first_row = static_cast<std::int64_t>(std::floor(at[row] - reach));
  const auto first_column = static_cast<std::int64_t>(std::floor(at[column] - reach));
  const auto last_row = static_cast<std::int64_t>(std::ceil(at[row] + reach));
  const auto last_column = static_cast<std::int64_t>(std::ceil(at[column] + reach));
  for (std::int64_t r = first_row; r <= last_row; ++r) {
    for (std::int64_t c = first_column; c <= last_column; ++c) {
      const double dr = static_cast<double>(r) - at[row];
      const double dc = static_cast<double>(c) - at[column];
      const double inwards = at[radius] - std::sqrt(dr * dr + dc * dc);
      if (inwards > in || inwards < -out) continue;
      const std::size_t s = sector_of(dr, dc, sectors);
      const std::size_t side = inwards > 0 ? 0 : 1;
      wanted[s][side] += 1;
      if (r < 0 || c < 0 || r >= pattern.height || c >= pattern.width) continue;
      const std::size_t cell = pattern.at(static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(c));
      if (pattern.used[cell] == 0) continue;
      there[s][side] += 1;
      const double counts = pattern.counts[cell];
      if (std::abs(inwards) > beside) {
        sample& judged = side == 0 ? inner[s] : outer[s];
        judged.counts += counts;
        judged.cells += 1;
      }
      if (std::abs(inwards) <= half) {
        samples.push_back({static_cast<double>(r), static_cast<double>(c), counts, 1, -1, s});
      } else {
        sample& sum = far[s][side];
        sum.row += static_cast<double>(r);
        sum.column += static_cast<double>(c);
        sum.counts += counts;
        sum.cells += 1;
      }
    }
  }
  for (std::size_t s = 0; s < sectors; ++s) {
    for (sample& sum : far[s]) {
      if (sum.cells == 0) continue;
      sum.row /= sum.cells;
      sum.column /= sum.cells;
      samples.push_back(sum);
    }
    seen[s] = 1;
    for (const std::size_t side : {0U, 1U}) {
      if (wanted[s][side] > 0) seen[s] = std::min(seen[s], there[s][side] / wanted[s][side]);
    }
  }
}

band_levels judge_sides(rim_band& band) {
  std::vector<double> in;
  std::vector<double> out;
  for (std::size_t s = 0; s < band.sectors(); ++s) {
    if (band.seen[s] < 0.5) band.good[s] = 0;
    if (band.good[s] == 0) continue;
    if (band.inner[s].cells > 0) in.push_back(band.inner[s].counts / band.inner[s].cells);
    if (band.outer[s].cells > 0) out.push_back(band.outer[s].counts / band.outer[s].cells);
  }
  constexpr double of_inner = 0.6;  // a stop makes sectors darker, other disks make their surroundings brighter
  constexpr double of_outer = 0.4;
  const double background = engine::quantile(out, of_outer);
  const double level = engine::quantile(in, of_inner) - background;
  if (!(level > 0)) return {level, background};
  constexpr double too_dark = 0.7;
  constexpr double too_bright = 1.8;
  constexpr double other_disk = 0.3;
  for (std::size_t s = 0; s < band.sectors(); ++s) {
    const sample& inner = band.inner[s];
    const sample& outer = band.outer[s];
    const double disk_counts = inner.counts - background * inner.cells;
    const double mean = (level + background) * inner.cells;
    const bool odd = disk_counts < too_dark * level * inner.cells || disk_counts > too_bright * level * inner.cells;
    if (inner.cells > 0 && odd && differs(inner.counts, mean)) band.good[s] = 0;
    const bool lit = outer.counts > (background + other_disk * level) * outer.cells;
    if (outer.cells > 0 && lit && differs(outer.counts, background * outer.cells)) band.good[s] = 0;
  }
  return {level, background};
}

void drop_neighbours(rim_band& band) {
  const std::vector<std::uint8_t> before = band.good;
  const std::size_t n = band.sectors();
  for (std::size_t s = 0; s < n; ++s) {
    if (before[s] == 0) continue;
    if (before[(s + 1) % n] == 0 || before[(s + n - 1) % n] == 0) band.good[s] = 0;
  }
}

std::size_t sectors_for(const beam_pattern& pattern, const vector& at) {
  constexpr std::size_t few = 8;
  const rim_band coarse(pattern, at, few);
  double electrons = 0;
  for (const sample& one : coarse.inner) electrons += one.counts;
  const double by_counts = electrons / 16;
  const double by_length = two_pi * at[radius] / 3;
  return static_cast<std::size_t>(std::clamp(std::min(by_counts, by_length), 8.0, 72.0));
}

}  // namespace countem::beam
