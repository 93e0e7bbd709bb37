#pragma once

#include <Eigen/Dense>
#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include "host/analysis/aligned_spectra.hpp"

namespace countem::analysis {

/// How the correlation of an image with the sum of the others changes as it moves, per scan step.
struct correlation_slope {
  Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
  Eigen::Matrix2d curvature = Eigen::Matrix2d::Zero();  ///< positive at a maximum
};

/// The correlation of images of groups with the sums of the others, as a function of their displacements. Rings of spatial
/// frequencies count by how much of the sum's power in them is common to the images (a Wiener filter): what is noise in the sum
/// would only add noise.
class group_correlation {
 public:
  group_correlation(const group_images& images, unsigned threads);

  /// Moves the images (aligned_spectra::align) and adds them up.
  void align(std::span<const std::complex<double>> shifts, double taper);
  /// The correlation of all images with the sums of the others.
  [[nodiscard]] double value() const;
  /// Weighs frequencies anew by how the images are aligned now. Returns whether the images have anything in common.
  bool renew_weights();
  /// [group]
  [[nodiscard]] std::vector<correlation_slope> slopes() const;

 private:
  aligned_spectra spectra_;
  std::size_t groups_;
  unsigned threads_;
  std::vector<std::complex<double>> sum_;
  std::vector<std::uint32_t> ring_;  ///< [element] of the spectrum
  std::vector<double> waves_;        ///< [ring] elements of the full spectrum
  std::vector<double> common_;       ///< [ring] power of the sum without that of the images alone
  std::vector<double> power_;        ///< [ring] of the sum
  std::vector<double> weights_;      ///< [ring]
};

}  // namespace countem::analysis
