#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include <countem/aberrations.hpp>
#include <countem/error.hpp>
#include <countem/scan_rotation.hpp>

namespace {

using namespace countem;
using complex = std::complex<double>;

double path(const std::vector<aberration>& terms, complex u) {
  double sum = 0;
  for (const aberration& term : terms) {
    const double n = term.order + 1;
    const double phi = term.symmetry * std::arg(u);
    sum += std::pow(std::abs(u), n) / n * (term.a * std::cos(phi) + term.b * std::sin(phi));
  }
  return sum;
}

TEST(aberrations, have_the_names_and_the_order_of_the_field) {
  std::vector<std::string> names;
  for (const aberration& term : aberrations_up_to(3)) names.push_back(name_of(term));
  EXPECT_EQ(names, (std::vector<std::string>{"C10", "C12", "C21", "C23", "C30", "C32", "C34"}));
  EXPECT_EQ(aberrations_up_to(1).size(), 2U);
  EXPECT_THROW(static_cast<void>(aberrations_up_to(0)), invalid_argument);
  EXPECT_THROW(static_cast<void>(aberrations_up_to(4)), invalid_argument);
}

TEST(aberrations, displace_by_known_vectors) {
  // Defocus: along the angle. Two-fold astigmatism a: rows stretched, columns the other way; b: rows and columns exchanged.
  EXPECT_EQ(gradient({{1, 0, -3}}, {2, 5}), complex(-6, -15));
  EXPECT_EQ(gradient({{1, 2, 3, 0}}, {2, 5}), complex(6, -15));
  EXPECT_EQ(gradient({{1, 2, 0, 3}}, {2, 5}), complex(15, 6));
  // Spherical aberration: |u|^2 u.
  EXPECT_NEAR(std::abs(gradient({{3, 0, 2}}, {3, 4}) - complex(150, 200)), 0, 1e-12);
  // Coma along rows: (3 r^2 + c^2, 2 r c) / 3.
  EXPECT_NEAR(std::abs(gradient({{2, 1, 3, 0}}, {1, 2}) - complex(7, 4)), 0, 1e-12);
}

TEST(aberrations, displacements_are_the_slope_of_the_path) {
  for (aberration& term : std::vector<aberration>(aberrations_up_to(3))) {
    term.a = 1.3;
    term.b = term.symmetry == 0 ? 0 : -0.7;
    for (const complex u : {complex(0.3, 1.1), complex(-0.8, 0.2), complex(1.4, -0.9)}) {
      const double step = 1e-5;
      const complex slope((path({term}, u + step) - path({term}, u - step)) / (2 * step),
                          (path({term}, u + complex(0, step)) - path({term}, u - complex(0, step))) / (2 * step));
      EXPECT_NEAR(std::abs(gradient({term}, u) - slope), 0, 1e-8) << name_of(term);
    }
  }
}

TEST(aberrations, axes_are_turned_as_deflections_are) {
  for (const bool flip : {false, true}) {
    deflection maps{{2.5}, {-1}};
    turn(maps, {37, flip});
    const complex turned = in_scan_axes(2.5, -1, {37, flip});
    EXPECT_NEAR(turned.real(), maps.row[0], 1e-12);
    EXPECT_NEAR(turned.imag(), maps.column[0], 1e-12);
  }
}

}  // namespace
