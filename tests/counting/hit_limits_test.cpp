// The least raw value that is a hit, against the charges of docs/semantics.md.
#include <countem/hit_limits.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <countem/pixel_charge.hpp>

namespace countem {
namespace {

/// One pixel.
counting_setup setup_of(std::int32_t dark16, std::int32_t background16, float gain = 1) {
  counting_setup setup;
  setup.shape = setup.calibrated.shape = {1, 1};
  setup.calibrated.dark16 = {dark16};
  setup.calibrated.pixel_background16 = {background16};
  if (gain != 1) setup.calibrated.gain = {gain};
  return setup;
}

template <class Pixel>
auto limit_of(const counting_setup& setup) {
  const auto limits = find_hit_limits<Pixel>(setup);
  EXPECT_EQ(limits.per_pixel.size(), 1U);
  return limits.per_pixel[0];
}

/// Tries every raw value.
template <class Pixel>
std::uint32_t least_hit(const counting_setup& setup) {
  const pixel_charge charge(setup.calibrated);
  for (std::uint32_t raw = 0; raw <= std::numeric_limits<Pixel>::max(); ++raw) {
    if (charge(static_cast<Pixel>(raw), 0) > setup.calibrated.pixel_background16[0]) return raw;
  }
  return hit_limits<Pixel>::never;
}

const std::vector<std::int32_t> darks = {0,   1,    15,          16,          17,           321,          -1,
                                         -16, -900, 65'535 * 16, 70'000 * 16, charge_limit, -charge_limit};
const std::vector<std::int32_t> backgrounds = {
    0, 1, 15, 16, 48, 560, 899, 900, 1 << 20, charge_limit - 1, charge_limit, std::numeric_limits<std::int32_t>::max()};

TEST(hit_limits, are_the_least_hits_of_small_pixels) {
  for (const std::int32_t dark : darks) {
    for (const std::int32_t background : backgrounds) {
      for (const float gain : {1.0F, 1e-30F, 0.5F, 1.3F, 1e30F}) {
        const auto small = setup_of(dark, background, gain);
        ASSERT_EQ(limit_of<std::uint8_t>(small), least_hit<std::uint8_t>(small)) << dark << ' ' << background << ' ' << gain;
        ASSERT_EQ(limit_of<std::uint16_t>(small), least_hit<std::uint16_t>(small)) << dark << ' ' << background << ' ' << gain;
      }
    }
  }
}

TEST(hit_limits, part_hits_from_the_others) {
  for (const std::int32_t dark : darks) {
    for (const std::int32_t background : backgrounds) {
      for (const float gain : {1.0F, 0.7F}) {
        const auto setup = setup_of(dark, background, gain);
        const pixel_charge charge(setup.calibrated);
        const std::uint32_t limit = limit_of<std::uint32_t>(setup);
        if (limit == hit_limits<std::uint32_t>::never) {
          EXPECT_LE(charge(std::uint32_t{0xffff'ffff}, 0), background);
          continue;
        }
        ASSERT_LE(limit, hit_limits<std::uint32_t>::highest_limit);
        EXPECT_GT(charge(limit, 0), background);
        if (limit != 0) {
          EXPECT_LE(charge(limit - 1, 0), background);
        }

        const float of_floats = limit_of<float>(setup);
        ASSERT_FALSE(std::isnan(of_floats));
        EXPECT_GT(charge(of_floats, 0), background);
        EXPECT_LE(charge(std::nextafter(of_floats, -std::numeric_limits<float>::infinity()), 0), background);
      }
    }
  }
}

TEST(hit_limits, of_pixels_that_are_never_hits) {
  counting_setup setup = setup_of(0, 48);
  setup.calibrated.mask = {mask_hot};
  EXPECT_EQ(limit_of<std::uint16_t>(setup), hit_limits<std::uint16_t>::never);
  EXPECT_TRUE(std::isnan(limit_of<float>(setup)));
  setup.calibrated.mask.clear();
  for (const float gain : {-1.0F, 0.0F, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    setup.calibrated.gain = {gain};
    EXPECT_EQ(limit_of<std::uint16_t>(setup), hit_limits<std::uint16_t>::never) << gain;
    EXPECT_TRUE(std::isnan(limit_of<float>(setup))) << gain;
  }
}

TEST(hit_limits, one_for_all_pixels) {
  counting_setup setup;
  setup.shape = {2, 2};
  setup.calibrated.background16 = 48;
  EXPECT_TRUE(has_one_limit(setup.calibrated));
  const auto limits = find_hit_limits<std::uint16_t>(setup);
  EXPECT_TRUE(limits.per_pixel.empty());
  EXPECT_EQ(limits.everywhere, 4U);
  EXPECT_EQ(limits[3], 4U);
}

TEST(hit_limits, of_method_counts) {
  counting_setup setup;
  setup.shape = setup.calibrated.shape = {1, 2};
  setup.options.method = counting_method::counts;
  EXPECT_EQ(find_hit_limits<std::uint8_t>(setup).everywhere, 1U);
  EXPECT_EQ(find_hit_limits<std::uint32_t>(setup).everywhere, 1U);
  EXPECT_EQ(find_hit_limits<float>(setup).everywhere, std::nextafter(0.5F, 1.0F));
  setup.calibrated.mask = {0, mask_given};
  EXPECT_THAT(find_hit_limits<std::uint16_t>(setup).per_pixel, testing::ElementsAre(1U, hit_limits<std::uint16_t>::never));
}

}  // namespace
}  // namespace countem
