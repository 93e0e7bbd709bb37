#include "host/analysis/false_events.hpp"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <optional>

#include <countem/centre.hpp>

namespace countem::analysis {

namespace {

constexpr std::uint64_t most_beyond = 400;  ///< in the fit of a tail
constexpr double least_in_fit = 30;

/// Bins of a tail: distance from the threshold, and how many lie in each.
struct tail_bins {
  std::vector<double> at;
  std::vector<double> counts;
  double sum = 0;
};

tail_bins bins_of(const threshold_curve& curve, double threshold_adu) {
  tail_bins bins;
  for (std::size_t i = 0; i + 1 < curve.noise.size(); ++i) {
    if (curve.noise[i] > most_beyond) continue;
    bins.at.push_back(curve.first_adu + static_cast<double>(i) * curve.step_adu - threshold_adu);
    bins.counts.push_back(static_cast<double>(curve.noise[i] - curve.noise[i + 1]));
    bins.sum += bins.counts.back();
  }
  return bins;
}

/// The most likely exponents of exp(a + b t + c t^2), `terms` of them, and their covariance.
struct tail_fit {
  Eigen::VectorXd exponents;
  Eigen::MatrixXd covariance;
};

tail_fit fitted(const tail_bins& bins, Eigen::Index terms) {
  constexpr int iterations = 50;
  constexpr double most_exponent = 40;
  tail_fit fit;
  std::vector<double> expected(bins.counts);
  for (double& one : expected) one = std::max(one, 0.5);
  for (int i = 0; i < iterations; ++i) {
    Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(terms, terms);
    Eigen::VectorXd right = Eigen::VectorXd::Zero(terms);
    for (std::size_t bin = 0; bin < expected.size(); ++bin) {
      Eigen::VectorXd powers(terms);
      for (Eigen::Index k = 0; k < terms; ++k) powers[k] = std::pow(bins.at[bin], k);
      const double mean = expected[bin];
      normal += mean * powers * powers.transpose();
      right += (mean * std::log(mean) + bins.counts[bin] - mean) * powers;
    }
    const Eigen::LDLT<Eigen::MatrixXd> solver(normal);
    fit.exponents = solver.solve(right);
    fit.covariance = solver.solve(Eigen::MatrixXd::Identity(terms, terms));
    for (std::size_t bin = 0; bin < expected.size(); ++bin) {
      double exponent = 0;
      for (Eigen::Index k = 0; k < terms; ++k) exponent += fit.exponents[k] * std::pow(bins.at[bin], k);
      expected[bin] = std::exp(std::clamp(exponent, -most_exponent, most_exponent));
    }
  }
  return fit;
}

/// What the tail holds from the threshold on.
expected_number beyond(const tail_fit& fit, double step) {
  constexpr int bins = 4000;
  expected_number all;
  Eigen::VectorXd slope = Eigen::VectorXd::Zero(fit.exponents.size());
  for (int i = 0; i < bins; ++i) {
    Eigen::VectorXd powers(fit.exponents.size());
    for (Eigen::Index k = 0; k < powers.size(); ++k) powers[k] = std::pow(i * step, k);
    const double mean = std::exp(fit.exponents.dot(powers));
    all.mean += mean;
    slope += mean * powers;
  }
  all.error = std::sqrt(slope.dot(fit.covariance * slope));
  return all;
}

/// In a frame of the detector as it was read out.
std::optional<expected_number> expected_per_frame(const store_description& store) {
  const calibration& used = store.calibrated;
  if (!used.fit || !used.fit->expected || store.options.min_cluster_size > 1) return std::nullopt;
  const noise_fit& fit = *used.fit;
  if (fit.curve.noise.empty() || fit.frames.empty() || !used.pixel_background16.empty())
    return expected_number{fit.expected->per_frame, 0};
  const double threshold = static_cast<double>(used.score16.value_or(used.background16)) / 16;
  expected_number all = noise_beyond(fit.curve, threshold);
  const auto frames = static_cast<double>(fit.frames.size());
  return expected_number{all.mean / frames, all.error / frames};
}

/// Pixels that can have an event, of the whole detector. Of a cropped one only a part is known.
double usable_pixels(const store_description& store) {
  const calibration& used = store.calibrated;
  const auto pixels = static_cast<double>(store.geometry.detector.pixels());
  if (used.mask.empty() && used.gain.empty()) return pixels;
  std::uint64_t usable = 0;
  for (std::size_t p = 0; p < used.shape.pixels(); ++p) usable += can_have_charge(used, p) ? 1 : 0;
  return pixels * static_cast<double>(usable) / static_cast<double>(used.shape.pixels());
}

}  // namespace

expected_number noise_beyond(const threshold_curve& curve, double threshold_adu) {
  const tail_bins bins = bins_of(curve, threshold_adu);
  if (bins.sum >= least_in_fit) {
    tail_fit fit = fitted(bins, 3);
    if (!(fit.exponents[2] <= 0)) fit = fitted(bins, 2);
    if (fit.exponents.allFinite() && fit.exponents[1] < 0) return beyond(fit, curve.step_adu);
  }
  const double at = std::clamp(std::floor((threshold_adu - curve.first_adu) / curve.step_adu + 0.5), 0.0,
                               static_cast<double>(curve.noise.size() - 1));
  const auto counted = static_cast<double>(curve.noise[static_cast<std::size_t>(at)]);
  return {counted, std::sqrt(counted)};
}

false_events::false_events(const store_description& store, const detector_masks& masks) {
  const std::optional<expected_number> per_frame = expected_per_frame(store);
  const double usable = usable_pixels(store);
  if (!per_frame || !(usable > 0)) return;
  const store_geometry& geometry = store.geometry;
  const double merged_frames = geometry.scan_row.step * geometry.scan_column.step;
  const double per_cell = per_frame->mean / usable * geometry.row.step * geometry.column.step * merged_frames;
  relative_error_ = per_frame->mean > 0 ? per_frame->error / per_frame->mean : 0;
  const std::vector<std::uint8_t> masked = masked_events(store.calibrated, store.shape, geometry);
  const engine::sector_map sectors(geometry, store.shape);
  for (std::size_t d = 0; d <= masks.detectors; ++d) {
    expected_.push_back(sectors.weigh([&](std::uint64_t cell) {
      if (!masked.empty() && masked[cell] != 0) return 0.0;
      return d == masks.detectors || masks.contains(d, cell) ? per_cell : 0.0;
    }));
  }
}

double false_events::in(std::size_t detector, std::uint8_t status) const {
  double sum = 0;
  if (!are_known()) return sum;
  for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector)
    sum += (status >> sector & 1U) != 0 ? expected_[detector][sector] : 0;
  return sum;
}

}  // namespace countem::analysis
