#pragma once

#include <complex>
#include <string>
#include <vector>

#include <countem/phase_options.hpp>

namespace countem {

/// One term of the path length that a lens adds at the angle u = row + i column (scan axes):
/// W = |u|^(n + 1) / (n + 1) (a cos(m phi) + b sin(m phi)), phi from rows to columns (10.1016/S0304-3991(99)00013-3). Lengths
/// are those of W per power of the angle: with angles in radians and W in nm, a and b are in nm.
struct aberration {
  unsigned order = 1;     ///< n: 1 defocus and two-fold astigmatism, 2 coma and three-fold astigmatism, 3 spherical aberration
  unsigned symmetry = 0;  ///< m: n + 1, n - 1, ... down to 0 or 1
  double a = 0;           ///< of the cosine; alone where m is 0
  double b = 0;           ///< of the sine
  double a_error = 0;     ///< standard error of a
  double b_error = 0;     ///< standard error of b
};

/// "C10", "C12", "C21", ...: n and m.
[[nodiscard]] std::string name_of(const aberration& term);

/// The terms up to an order, coefficients 0, by order and ascending symmetry. @param order 1 to 3
/// @throws invalid_argument for any other order.
[[nodiscard]] std::vector<aberration> aberrations_up_to(unsigned order);

/// The gradient of W by the two components of the angle, row + i column: by how much rays of that angle miss the place at which
/// the lens points, which is the displacement of the image that they make of a thin specimen.
[[nodiscard]] std::complex<double> gradient(const std::vector<aberration>& terms, std::complex<double> angle);

/// A detector vector, rows and columns, in scan axes as row + i column (scan_rotation).
[[nodiscard]] std::complex<double> in_scan_axes(double row, double column, const scan_rotation& rotation);

}  // namespace countem
