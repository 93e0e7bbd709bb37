#pragma once

#include <complex>
#include <span>
#include <vector>

#include "host/analysis/group_images.hpp"
#include "host/analysis/scan_transform.hpp"

namespace countem::analysis {

/// What each position of the scan counts for: 1 inside, falling to 0 over `taper` positions at its edges.
[[nodiscard]] std::vector<double> edge_window(const scan_shape& scan, double taper);

/// The Fourier transforms of the contrast (counts minus mean) of some images, each moved by its displacement, so that the image
/// of a group shows at x what it recorded at x - shift. What is moved in from beyond the scan is 0. The slowest waves are
/// left out.
class aligned_spectra {
 public:
  using stored = std::complex<float>;

  explicit aligned_spectra(const group_images& images);

  /// @param shifts [group] in scan steps, row + i column
  /// @param taper positions over which the window falls to 0 at the edges of the scan
  void align(std::span<const std::complex<double>> shifts, double taper, unsigned threads);

  /// The spectrum of a group, size() of it.
  [[nodiscard]] std::span<const stored> of(std::size_t group) const {
    return std::span(spectra_).subspan(group * size_, size_);
  }
  /// Transforms of that size.
  [[nodiscard]] scan_transform transform() const { return {height_, width_}; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  const group_images& images_;
  std::size_t height_;
  std::size_t width_;
  std::size_t size_;
  std::vector<stored> spectra_;
};

}  // namespace countem::analysis
