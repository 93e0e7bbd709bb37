#include "host/analysis/shift_search.hpp"

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "host/analysis/aligned_spectra.hpp"
#include "host/engine/threads.hpp"

namespace countem::analysis {

namespace {

using complex = std::complex<double>;

constexpr int near = 4;               ///< groups: pairs no farther apart have correlations that a coarse search cannot miss
constexpr double coarse_step = 0.25;  ///< of displacements per group, in scan steps
constexpr double fine_step = 0.01;    ///< likewise
constexpr double largest_shift = 1.0 / 3;  ///< of a group at the rim, of the scan's shorter side
constexpr std::size_t candidates = 40;     ///< of the coarse search, for each hand

/// The correlation of all pairs of groups that are so far apart, by the displacement between them.
struct pair_correlation {
  complex distance;  ///< groups, row + i column
  std::vector<float> sums;
};

class correlations {
 public:
  correlations(const group_images& images, const pixel_groups& groups, unsigned threads);

  /// At linear displacements per group, pairs of all distances together.
  [[nodiscard]] double at(const linear_shifts& per_group) const { return sum_of(pairs_.size(), per_group); }
  /// The same of near pairs.
  [[nodiscard]] double near_at(const linear_shifts& per_group) const { return sum_of(near_pairs_, per_group); }

 private:
  [[nodiscard]] double sum_of(std::size_t pairs, const linear_shifts& per_group) const {
    double sum = 0;
    for (std::size_t d = 0; d < pairs; ++d) sum += interpolated(pairs_[d].sums, per_group.at(pairs_[d].distance));
    return sum;
  }
  [[nodiscard]] double interpolated(const std::vector<float>& sums, complex shift) const;

  long height_;
  long width_;
  std::vector<pair_correlation> pairs_;  ///< nearest first
  std::size_t near_pairs_ = 0;
};

using group_place = std::pair<int, int>;

/// The pairs of groups at each distance, of two opposite ones the one that points down or right.
std::map<group_place, std::vector<std::pair<std::size_t, std::size_t>>> pairs_by_distance(const pixel_groups& groups) {
  std::map<group_place, std::vector<std::pair<std::size_t, std::size_t>>> pairs;
  for (std::size_t one = 0; one < groups.groups.size(); ++one) {
    for (std::size_t two = 0; two < groups.groups.size(); ++two) {
      const int rows = groups.groups[two].grid_row - groups.groups[one].grid_row;
      const int columns = groups.groups[two].grid_column - groups.groups[one].grid_column;
      if (rows > 0 || (rows == 0 && columns > 0)) pairs[{rows, columns}].emplace_back(one, two);
    }
  }
  return pairs;
}

correlations::correlations(const group_images& images, const pixel_groups& groups, unsigned threads) {
  aligned_spectra spectra(images);
  const std::vector<complex> unmoved(images.groups);
  spectra.align(unmoved, std::min(images.scan.height, images.scan.width) / 4.0, threads);
  const scan_transform transform = spectra.transform();
  height_ = static_cast<long>(transform.height());
  width_ = static_cast<long>(transform.width());
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> members;
  for (auto& entry : pairs_by_distance(groups)) {
    pairs_.push_back({complex(entry.first.first, entry.first.second), {}});
    members.push_back(std::move(entry.second));
  }
  engine::run_with(threads, [&] {
    oneapi::tbb::parallel_for(std::size_t{0}, pairs_.size(), [&](std::size_t d) {
      std::vector<complex> product(spectra.size());
      for (const auto& pair : members[d]) {
        const auto one = spectra.of(pair.first);
        const auto two = spectra.of(pair.second);
        for (std::size_t k = 0; k < product.size(); ++k) product[k] += complex(one[k] * std::conj(two[k]));
      }
      std::vector<double> sums(transform.height() * transform.width());
      spectra.transform().inverse(product, sums);
      pairs_[d].sums.assign(sums.begin(), sums.end());
    });
  });
  std::ranges::stable_sort(pairs_, {}, [](const pair_correlation& pair) { return std::abs(pair.distance); });
  near_pairs_ = static_cast<std::size_t>(
      std::ranges::count_if(pairs_, [](const pair_correlation& pair) { return std::abs(pair.distance) <= near; }));
}

double correlations::interpolated(const std::vector<float>& sums, complex shift) const {
  const double row = std::floor(shift.real());
  const double column = std::floor(shift.imag());
  const double down = shift.real() - row;
  const double right = shift.imag() - column;
  const auto wrapped = [](long index, long length) { return ((index % length) + length) % length; };
  const auto value = [&](long r, long c) {
    return double{sums[static_cast<std::size_t>(wrapped(r, height_) * width_ + wrapped(c, width_))]};
  };
  const long r = std::lround(row);
  const long c = std::lround(column);
  return (1 - down) * ((1 - right) * value(r, c) + right * value(r, c + 1)) +
         down * ((1 - right) * value(r + 1, c) + right * value(r + 1, c + 1));
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// A scale and a rotation, of the detector as it is or mirrored.
linear_shifts similarity(complex scaled, bool flip) {
  return flip ? linear_shifts{0, -scaled} : linear_shifts{scaled, 0};
}

struct candidate {
  double score;
  linear_shifts per_group;
};

/// Climbs along each of the four numbers in turn, without a change of hand.
candidate climb(const correlations& pairs, linear_shifts from, bool hand) {
  double best = pairs.at(from);
  for (double step = coarse_step; step > fine_step;) {
    bool higher = false;
    for (const complex& way : {complex(step, 0), complex(-step, 0), complex(0, step), complex(0, -step)}) {
      for (const linear_shifts& next :
           {linear_shifts{from.along + way, from.across}, linear_shifts{from.along, from.across + way}}) {
        if (next.is_flipped() != hand) continue;
        const double there = pairs.at(next);
        if (!(there > best)) continue;
        best = there;
        from = next;
        higher = true;
      }
    }
    if (!higher) step /= 2;
  }
  return {best, from};
}

/// Every scale and rotation up to `most` scan steps per group, of one hand.
std::vector<candidate> coarse_search(const correlations& pairs, double most, bool flip) {
  const long steps = std::max(1L, std::lround(most / coarse_step));
  std::vector<candidate> tried;
  for (long row = -steps; row <= steps; ++row) {
    for (long column = -steps; column <= steps; ++column) {
      const linear_shifts shifts =
          similarity(coarse_step * complex(static_cast<double>(row), static_cast<double>(column)), flip);
      tried.push_back({pairs.near_at(shifts), shifts});
    }
  }
  return tried;
}

}  // namespace

shift_guess search_shifts(const group_images& images, const pixel_groups& groups, std::optional<bool> flip, unsigned threads) {
  const correlations pairs(images, groups, threads);
  int rim = 1;
  for (const pixel_group& group : groups.groups) rim = std::max({rim, std::abs(group.grid_row), std::abs(group.grid_column)});
  const double most = largest_shift * std::min(images.scan.height, images.scan.width) / rim;
  std::vector<double> scores;
  std::array<candidate, 2> best{};
  for (const bool hand : {false, true}) {
    std::vector<candidate> tried = coarse_search(pairs, most, hand);
    for (const candidate& one : tried) scores.push_back(pairs.at(one.per_group));
    const std::size_t kept = std::min(candidates, tried.size());
    std::ranges::partial_sort(tried, tried.begin() + static_cast<std::ptrdiff_t>(kept), std::greater{}, &candidate::score);
    tried.resize(kept);
    for (candidate& one : tried) one = climb(pairs, one.per_group, hand);
    best[hand ? 1 : 0] = *std::ranges::max_element(tried, {}, &candidate::score);
  }
  const double middle = median_of(scores);
  std::vector<double> deviations;
  for (const double score : scores) deviations.push_back(std::abs(score - middle));
  const double deviation = 1.4826 * median_of(deviations);
  const bool hand = flip.value_or(best[1].score > best[0].score);
  const auto significance = [&](bool of) { return deviation > 0 ? (best[of ? 1 : 0].score - middle) / deviation : 0; };
  linear_shifts found = best[hand ? 1 : 0].per_group;
  found.along /= groups.width;
  found.across /= groups.width;
  return {found, significance(hand), significance(!hand)};
}

}  // namespace countem::analysis
