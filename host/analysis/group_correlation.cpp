#include "host/analysis/group_correlation.hpp"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "host/engine/threads.hpp"

namespace countem::analysis {

namespace {

using complex = std::complex<double>;

/// What of a ring's common power could be chance, in its standard deviations.
constexpr double chance = 2;

}  // namespace

group_correlation::group_correlation(const group_images& images, unsigned threads)
    : spectra_(images), groups_(images.groups), threads_(threads), sum_(spectra_.size()), ring_(spectra_.size()) {
  const scan_transform transform = spectra_.transform();
  const double rings = std::min(images.scan.height, images.scan.width);
  for (std::size_t k = 0; k < ring_.size(); ++k) {
    const double frequency =
        std::hypot(transform.row_frequency(k / transform.half()), transform.column_frequency(k % transform.half()));
    ring_[k] = static_cast<std::uint32_t>(frequency * rings);
    waves_.resize(std::max<std::size_t>(waves_.size(), ring_[k] + std::size_t{1}));
    waves_[ring_[k]] += transform.weight(k % transform.half());
  }
  weights_.assign(waves_.size(), 1);
}

void group_correlation::align(std::span<const complex> shifts, double taper) {
  spectra_.align(shifts, taper, threads_);
  std::vector<double> alone(sum_.size());
  engine::run_with(threads_, [&] {
    oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<std::size_t>(0, sum_.size(), 4096), [&](const auto& range) {
      std::fill(sum_.begin() + static_cast<std::ptrdiff_t>(range.begin()),
                sum_.begin() + static_cast<std::ptrdiff_t>(range.end()), complex(0));
      for (std::size_t g = 0; g < groups_; ++g) {
        const auto image = spectra_.of(g);
        for (std::size_t k = range.begin(); k < range.end(); ++k) {
          sum_[k] += complex(image[k]);
          alone[k] += std::norm(complex(image[k]));
        }
      }
    });
  });
  const scan_transform transform = spectra_.transform();
  common_.assign(waves_.size(), 0);
  power_.assign(waves_.size(), 0);
  for (std::size_t k = 0; k < sum_.size(); ++k) {
    const double weight = transform.weight(k % transform.half());
    power_[ring_[k]] += weight * std::norm(sum_[k]);
    common_[ring_[k]] += weight * (std::norm(sum_[k]) - alone[k]);
  }
}

double group_correlation::value() const {
  return std::inner_product(weights_.begin(), weights_.end(), common_.begin(), 0.0);
}

bool group_correlation::renew_weights() {
  bool any = false;
  for (std::size_t ring = 0; ring < weights_.size(); ++ring) {
    weights_[ring] = 0;
    if (!(power_[ring] > 0)) continue;
    // Of pure noise the power of n waves scatters by sqrt(2 / n), as half of them repeat the other half.
    weights_[ring] = std::max(0.0, common_[ring] / power_[ring] - chance * std::sqrt(2 / waves_[ring]));
    any = any || weights_[ring] > 0;
  }
  return any;
}

std::vector<correlation_slope> group_correlation::slopes() const {
  std::vector<correlation_slope> slopes(groups_);
  const scan_transform transform = spectra_.transform();
  const double turn = 2 * std::numbers::pi;
  engine::run_with(threads_, [&] {
    oneapi::tbb::parallel_for(std::size_t{0}, groups_, [&](std::size_t g) {
      const auto image = spectra_.of(g);
      correlation_slope& slope = slopes[g];
      for (std::size_t k = 0; k < sum_.size(); ++k) {
        const double weight = weights_[ring_[k]];
        if (weight == 0) continue;
        const double row = turn * transform.row_frequency(k / transform.half());
        const double column = turn * transform.column_frequency(k % transform.half());
        const complex mine(image[k]);
        const complex product = weight * transform.weight(k % transform.half()) * std::conj(sum_[k] - mine) * mine;
        slope.gradient += product.imag() * Eigen::Vector2d(row, column);
        slope.curvature(0, 0) += product.real() * row * row;
        slope.curvature(0, 1) += product.real() * row * column;
        slope.curvature(1, 1) += product.real() * column * column;
      }
      slope.curvature(1, 0) = slope.curvature(0, 1);
    });
  });
  return slopes;
}

}  // namespace countem::analysis
