#pragma once

#include <complex>

namespace countem::analysis {

/// The gradient, row + i column, of the aberration Re(c u^p conj(u)^q) / (n + 1): c = a - i b.
[[nodiscard]] std::complex<double> gradient_of(unsigned order, unsigned symmetry, std::complex<double> coefficient,
                                               std::complex<double> u);

}  // namespace countem::analysis
