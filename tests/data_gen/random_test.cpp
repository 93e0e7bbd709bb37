#include <gtest/gtest.h>

#include <cmath>

#include "data_gen/random.hpp"

namespace {

using namespace countem::data_gen;
using words = std::array<std::uint32_t, 4>;

// The known answers that come with the generator's paper.
TEST(philox, known_answers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}), (words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(random_stream, differs_by_seed_frame_and_purpose) {
  const auto first = [](std::uint64_t seed, std::uint64_t frame, purpose used_for) {
    return random_stream(seed, frame, used_for).next();
  };
  const std::uint32_t one = first(1, 2, purpose::noise);
  EXPECT_EQ(one, first(1, 2, purpose::noise));
  EXPECT_NE(one, first(2, 2, purpose::noise));
  EXPECT_NE(one, first(1, 3, purpose::noise));
  EXPECT_NE(one, first(1, 2 + (std::uint64_t{1} << 32), purpose::noise));
  EXPECT_NE(one, first(1, 2, purpose::electrons));
}

TEST(normal_table, has_the_moments_and_the_tail_of_a_normal_distribution) {
  random_stream random(7, 0, purpose::noise);
  const normal_table& normal = normal_table::get();
  constexpr int count = 4'000'000;
  double sum = 0, sum2 = 0, sum4 = 0;
  int beyond_3 = 0, beyond_4_5 = 0;
  for (int i = 0; i < count; ++i) {
    const double x = normal.draw(random);
    sum += x;
    sum2 += x * x;
    sum4 += x * x * x * x;
    beyond_3 += x > 3;
    beyond_4_5 += x > 4.5;
  }
  // Five standard errors each.
  EXPECT_NEAR(sum / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(sum2 / count, 1, 5 * std::sqrt(2.0 / count));
  EXPECT_NEAR(sum4 / count, 3, 5 * std::sqrt(96.0 / count));
  const double expected_3 = count * 0.5 * std::erfc(3 / std::sqrt(2.0));
  EXPECT_NEAR(beyond_3, expected_3, 5 * std::sqrt(expected_3));
  const double expected_4_5 = count * 0.5 * std::erfc(4.5 / std::sqrt(2.0));
  EXPECT_NEAR(beyond_4_5, expected_4_5, 5 * std::sqrt(expected_4_5));
}

TEST(poisson_table, has_mean_and_variance_of_its_mean) {
  for (const double mean : {0.02, 0.7, 6.0, 331.776, 165888.0}) {
    random_stream random(11, 0, purpose::xrays);
    const poisson_table poisson(mean);
    constexpr int count = 200'000;
    double sum = 0, sum2 = 0;
    for (int i = 0; i < count; ++i) {
      const double off = poisson.draw(random) - mean;
      sum += off;
      sum2 += off * off;
    }
    EXPECT_NEAR(sum / count, 0, 5 * std::sqrt(mean / count)) << mean;
    EXPECT_NEAR(sum2 / count / mean, 1, 5 * std::sqrt((2 + 1 / mean) / count)) << mean;
  }
}

TEST(poisson_table, of_zero_is_zero) {
  random_stream random(1, 0, purpose::xrays);
  const poisson_table poisson(0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(poisson.draw(random), 0U);
}

}  // namespace
