#pragma once

#include <complex>
#include <vector>

#include <countem/aberrations.hpp>

#include "host/analysis/shift_search.hpp"

namespace countem::analysis {

/// Aberrations in scan steps per power of detector pixels, and how detector axes lie to scan axes.
struct fitted_shifts {
  bool converged = false;                      ///< the displacements no longer change
  std::vector<aberration> aberrations;         ///< with standard errors
  scan_rotation rotation;                      ///< from detector axes to scan axes
  double rotation_error_degrees = 0;           ///< standard error
  std::vector<std::complex<double>> measured;  ///< [group] displacement that its image alone has, row + i column
  std::vector<std::complex<double>> fitted;    ///< [group] the same by the aberrations
  double measured_error = 0;                   ///< of one component, root mean square over groups weighted by electrons
  unsigned iterations = 0;                     ///< needed

  /// The displacement of a detector pixel, from the centre.
  [[nodiscard]] std::complex<double> at(double row, double column) const {
    return gradient(aberrations, in_scan_axes(row, column, rotation));
  }
};

/// Fits aberrations up to an order and the rotation to the displacements of groups. Each iteration moves the images by what was
/// fitted so far, adds them up, and measures by how much each must still move to be like the sum of the others: the
/// maximum of their correlation by one step of Newton's method, with the curvature that all groups have on average per
/// electron. The fit is linear least squares weighted by that curvature, so that a group of few electrons counts little.
[[nodiscard]] fitted_shifts fit_shifts(const group_images& images, const pixel_groups& groups, const linear_shifts& start,
                                       unsigned order, unsigned threads);

/// Turns the rotation by half a turn and the sign of everything with it, which gives the same displacements.
void turn_half(fitted_shifts& shifts);

}  // namespace countem::analysis
