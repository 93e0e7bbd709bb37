#pragma once

#include <complex>
#include <optional>

#include "host/analysis/bright_field.hpp"
#include "host/analysis/group_images.hpp"

namespace countem::analysis {

/// Displacements that are linear in the detector vector w = row + i column: s = along w + across conj(w), in scan steps, row +
/// i column. Alone, `along` is a scale and a rotation, `across` the same of the mirrored detector.
struct linear_shifts {
  std::complex<double> along;   ///< per detector pixel
  std::complex<double> across;  ///< per detector pixel

  [[nodiscard]] std::complex<double> at(std::complex<double> w) const { return along * w + across * std::conj(w); }
  /// Whether the detector is mirrored against the scan.
  [[nodiscard]] bool is_flipped() const { return std::abs(across) > std::abs(along); }
};

/// What a search found.
struct shift_guess {
  linear_shifts shifts;
  double score = 0;       ///< correlation above the median of all that were tried, in robust standard deviations of these
  double other_hand = 0;  ///< the best score with the detector mirrored the other way
};

/// Finds displacements from the correlations between images of groups, without a start: those of all pairs of groups with the
/// same distance are added up, and the linear displacements are those at which all sums together are largest. No image is
/// compared with itself, so that noise adds nothing but noise.
/// @param flip whether the detector is mirrored, where this is known
[[nodiscard]] shift_guess search_shifts(const group_images& images, const pixel_groups& groups, std::optional<bool> flip,
                                        unsigned threads);

}  // namespace countem::analysis
