#include <countem/aberrations.hpp>

#include <cmath>
#include <numbers>

#include <countem/error.hpp>

#include "host/analysis/aberration_basis.hpp"

namespace countem {

namespace analysis {

std::complex<double> gradient_of(unsigned order, unsigned symmetry, std::complex<double> coefficient, std::complex<double> u) {
  // W = Re(c u^p conj(u)^q) / (n + 1) with p + q = n + 1 and p - q = m; its gradient is 2 dW / d conj(u).
  const int p = static_cast<int>((order + 1 + symmetry) / 2);
  const int q = static_cast<int>((order + 1 - symmetry) / 2);
  const std::complex<double> v = std::conj(u);
  const auto power = [](std::complex<double> of, int exponent) {
    std::complex<double> product = 1;
    for (int i = 0; i < exponent; ++i) product *= of;
    return product;
  };
  std::complex<double> sum = std::conj(coefficient) * static_cast<double>(p) * power(v, p - 1) * power(u, q);
  if (q > 0) sum += coefficient * static_cast<double>(q) * power(u, p) * power(v, q - 1);
  return sum / static_cast<double>(order + 1);
}

}  // namespace analysis

std::string name_of(const aberration& term) {
  std::string name(1, 'C');
  name += std::to_string(term.order);
  return name += std::to_string(term.symmetry);
}

std::vector<aberration> aberrations_up_to(unsigned order) {
  if (order < 1 || order > 3)
    throw invalid_argument("aberrations are fitted up to order 1, 2 or 3, " + std::to_string(order) + " was given");
  std::vector<aberration> terms;
  for (unsigned n = 1; n <= order; ++n) {
    for (unsigned m = (n + 1) % 2; m <= n + 1; m += 2) terms.push_back({n, m});
  }
  return terms;
}

std::complex<double> gradient(const std::vector<aberration>& terms, std::complex<double> angle) {
  std::complex<double> sum = 0;
  for (const aberration& term : terms) sum += analysis::gradient_of(term.order, term.symmetry, {term.a, -term.b}, angle);
  return sum;
}

std::complex<double> in_scan_axes(double row, double column, const scan_rotation& rotation) {
  const std::complex<double> flipped(rotation.flip ? -row : row, column);
  return flipped * std::polar(1.0, -rotation.degrees * std::numbers::pi / 180);
}

}  // namespace countem
