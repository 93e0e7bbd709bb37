#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/engine/exponential.hpp"

namespace {

using countem::engine::exponential;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Relative error, in units of 2^-52.
double error_of(double value, double x) {
  const long double exact = std::exp(static_cast<long double>(x));
  return static_cast<double>(std::abs(static_cast<long double>(value) - exact) / exact * 0x1p52L);
}

TEST(exponential, is_within_one_unit_of_2_to_the_minus_52) {
  double worst = 0;
  for (int i = -200'000; i <= 200'000; ++i) {
    const double x = i * 0.003'517;  // -703.4 to 703.4
    worst = std::max(worst, error_of(exponential(x), x));
  }
  for (int i = -100'000; i <= 100'000; ++i) {
    const double x = i * 0.000'007'3;  // the reduced range, halfway points and small numbers
    worst = std::max(worst, error_of(exponential(x), x));
  }
  EXPECT_LT(worst, 1);
  EXPECT_GT(worst, 0);
}

TEST(exponential, is_exact_at_0_and_ends_in_0_and_infinity) {
  EXPECT_EQ(exponential(0), 1);
  EXPECT_EQ(exponential(-0.0), 1);
  EXPECT_LT(error_of(exponential(709.74), 709.74), 1);
  EXPECT_EQ(exponential(709.75), infinity);
  EXPECT_EQ(exponential(infinity), infinity);
  EXPECT_LT(error_of(exponential(-708.25), -708.25), 1);
  EXPECT_EQ(exponential(-708.26), 0);
  EXPECT_EQ(exponential(-infinity), 0);
  EXPECT_TRUE(std::isnan(exponential(std::nan(""))));
}

}  // namespace
