#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/simulate.hpp>

#include "tests/calibration/noise_frames.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(calibrate, tiny_frames_by_hand) {
  memory_source<std::uint8_t> frames({1, 4});
  frames.add({1, 2, 3, 4});
  calibration_options options = with_samples(1);
  options.background_adu = 2.53;
  options.xray_sigmas = 2;
  const calibration result = calibrate(frames, {}, options);
  EXPECT_EQ(result.background16, 40);
  EXPECT_EQ(result.fit->sample_mean_adu, 2.5);
  EXPECT_DOUBLE_EQ(result.fit->sample_sigma_adu, std::sqrt(5.0 / 3));
  EXPECT_EQ(result.fit->sample_min_adu, 1);
  EXPECT_EQ(result.fit->sample_max_adu, 4);
  EXPECT_EQ(result.xray16, std::ceil(16 * (2.5 + 2 * std::sqrt(5.0 / 3))));
  EXPECT_THAT(result.fit->frames, ElementsAre(0));
}

TEST(calibrate, dark_gain_and_mask_take_part_in_the_charges) {
  memory_source<std::uint8_t> frames({1, 4});
  frames.add({11, 12, 13, 200});
  calibration start;
  start.shape = {1, 4};
  start.dark16 = {160, 160, 160, 160};
  start.gain = {2, 2, 2, 2};
  start.mask = {0, 0, 0, mask_given};
  calibration_options options;
  options.background_adu = 1;
  const calibration result = calibrate(frames, start, options);
  EXPECT_EQ(result.fit->sample_min_adu, 2);
  EXPECT_EQ(result.fit->sample_max_adu, 6);
  EXPECT_EQ(result.fit->sample_mean_adu, 4);
  EXPECT_EQ(result.dark16, start.dark16);
  EXPECT_EQ(result.mask, start.mask);
}

TEST(calibrate, thresholds_given_directly_need_no_frames) {
  memory_source<std::uint16_t> none({2, 2});
  calibration_options options;
  options.background_adu = 9;
  options.xray_adu = 500;
  const calibration result = calibrate(none, {}, options);
  EXPECT_EQ(result.background16, 144);
  EXPECT_EQ(result.xray16, 8000);
  EXPECT_FALSE(result.fit.has_value());
}

TEST(calibrate, thresholds_given_directly_keep_the_histogram_of_the_sample) {
  const noise_frames frames(10);
  calibration_options options;
  options.background_adu = 9;
  options.xray_adu = 500;
  const calibration result = calibrate(frames, {}, options);
  EXPECT_EQ(result.background16, 144);
  EXPECT_EQ(result.xray16, 8000);
  ASSERT_TRUE(result.fit.has_value());
  EXPECT_EQ(result.fit->frames.size(), 10U);
  const calibration fitted = calibrate(frames, {}, {});
  EXPECT_EQ(result.fit->mean_adu, fitted.fit->mean_adu) << "what the given threshold is in sigmas is of interest";
  EXPECT_EQ(result.fit->sigma_adu, fitted.fit->sigma_adu);
  EXPECT_DOUBLE_EQ(result.fit->background_sigmas, (9 - fitted.fit->mean_adu) / fitted.fit->sigma_adu);
  EXPECT_EQ(std::accumulate(result.fit->histogram.begin(), result.fit->histogram.end(), std::uint64_t{0}),
            std::accumulate(fitted.fit->histogram.begin(), fitted.fit->histogram.end(), std::uint64_t{0}));
}

TEST(calibrate, an_xray_threshold_given_directly_leaves_the_other_to_the_fit) {
  const noise_frames frames(10);
  calibration_options options;
  options.xray_adu = 500;
  const calibration result = calibrate(frames, {}, options);
  EXPECT_EQ(result.xray16, 8000);
  const double sigma = std::sqrt(4 + 1.0 / 12);
  EXPECT_NEAR(result.fit->mean_adu, 20, 0.1);
  EXPECT_NEAR(result.fit->sigma_adu, sigma, 0.05);
  EXPECT_NEAR(result.background16 / 16.0, 20 + 4.5 * sigma, 0.3);
  EXPECT_NEAR(result.fit->sample_mean_adu, 20, 0.1);
  EXPECT_NEAR(result.fit->sample_sigma_adu, sigma, 0.05);
}

TEST(calibrate, keeps_the_histogram_of_the_sample) {
  const noise_frames frames(10);
  const calibration result = calibrate(frames, {}, with_samples(10));
  std::uint64_t counted = 0;
  double sum = 0;
  for (std::size_t bin = 0; bin < result.fit->histogram.size(); ++bin) {
    counted += result.fit->histogram[bin];
    sum += static_cast<double>(result.fit->histogram[bin]) *
           (result.fit->histogram_first_adu + static_cast<double>(bin) * result.fit->histogram_step_adu);
  }
  EXPECT_EQ(counted, 10U * 64 * 64) << "no electron, no X-ray: all charges are near the peak";
  EXPECT_EQ(result.fit->histogram_step_adu, 1);
  EXPECT_NEAR(sum / static_cast<double>(counted), result.fit->sample_mean_adu, 1e-9);
}

bool same(const calibration& a, const calibration& b) {
  return a.background16 == b.background16 && a.xray16 == b.xray16 && a.fit->mean_adu == b.fit->mean_adu &&
         a.fit->sigma_adu == b.fit->sigma_adu && a.fit->sample_mean_adu == b.fit->sample_mean_adu &&
         a.fit->sample_sigma_adu == b.fit->sample_sigma_adu && a.fit->frames == b.fit->frames &&
         a.fit->histogram == b.fit->histogram;
}

TEST(calibrate, the_same_seed_gives_the_same_with_any_number_of_threads) {
  const noise_frames frames(50);
  calibration_options options = with_samples(13);
  options.seed = 7;
  options.threads = 1;
  const calibration one = calibrate(frames, {}, options);
  options.threads = 0;
  EXPECT_TRUE(same(one, calibrate(frames, {}, options)));
  options.seed = 8;
  EXPECT_NE(one.fit->frames, calibrate(frames, {}, options).fit->frames);
}

TEST(calibrate, samples_are_different_frames_spread_over_the_scan) {
  const noise_frames frames(100);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    calibration_options options = with_samples(10);
    options.seed = seed;
    const std::vector<std::uint64_t> drawn = calibrate(frames, {}, options).fit->frames;
    ASSERT_EQ(drawn.size(), 10U);
    EXPECT_LT(drawn.front(), 20U);
    EXPECT_GE(drawn.back(), 80U);
    for (std::size_t i = 1; i < drawn.size(); ++i) {
      EXPECT_GT(drawn[i], drawn[i - 1]);
      EXPECT_LE(drawn[i] - drawn[i - 1], 20U);
    }
  }
}

TEST(calibrate, only_frames_that_arrived_are_drawn) {
  const noise_frames frames(8, {0, 2, 3, 7});
  EXPECT_THAT(calibrate(frames, {}, with_samples(4)).fit->frames, ElementsAre(1, 4, 5, 6));
  EXPECT_THAT(calibrate(frames, {}, with_samples(100)).fit->frames, ElementsAre(1, 4, 5, 6)) << "fewer than asked for: all";
}

TEST(calibrate, pixels_of_missing_sectors_are_left_out) {
  memory_source<std::uint16_t> frames({4, 256}, sector_split::rows);
  gaussian_noise noise(2);
  std::vector<std::uint16_t> pixels(4 * 256);
  for (std::uint16_t& pixel : pixels) pixel = digitised(50 + 2 * noise());
  std::fill(pixels.begin() + 256, pixels.begin() + 512, std::uint16_t{0});
  frames.add(pixels, 0b1101);
  const calibration result = calibrate(frames, {}, {});
  EXPECT_GT(result.fit->sample_min_adu, 40);
  EXPECT_NEAR(result.fit->mean_adu, 50, 0.5);
}

TEST(calibrate, float_frames_with_little_noise) {
  memory_source<float> frames({128, 128});
  gaussian_noise noise(4);
  for (int frame = 0; frame < 5; ++frame) {
    std::vector<float> pixels(128 * 128);
    for (float& pixel : pixels) pixel = static_cast<float>(-3 + 0.5 * noise());
    frames.add(pixels);
  }
  calibration start;
  start.shape = {128, 128};
  start.dark16.assign(128 * 128, -48);
  const calibration result = calibrate(frames, start, {});
  EXPECT_NEAR(result.fit->mean_adu, 0, 0.02);
  EXPECT_NEAR(result.fit->sigma_adu, 0.5, 0.01);
}

/// A quarter of the charges and more are the same whole number then: the densest charges have no width of their own.
TEST(calibrate, noise_narrower_than_the_steps_of_the_pixels) {
  memory_source<std::uint16_t> frames({128, 128});
  gaussian_noise noise(9);
  for (int frame = 0; frame < 5; ++frame) {
    std::vector<std::uint16_t> pixels(128 * 128);
    for (std::uint16_t& pixel : pixels) pixel = digitised(100 + 0.8 * noise());
    frames.add(pixels);
  }
  const calibration result = calibrate(frames, {}, {});
  EXPECT_NEAR(result.fit->mean_adu, 100, 0.05);
  EXPECT_NEAR(result.fit->sigma_adu, 0.85, 0.05) << "and a twelfth of a square step is rounding";
}

TEST(calibrate, float_frames_with_huge_values) {
  memory_source<float> frames({128, 128});
  gaussian_noise noise(4);
  for (int frame = 0; frame < 5; ++frame) {
    std::vector<float> pixels(128 * 128);
    for (float& pixel : pixels) pixel = static_cast<float>(2e6 + 1e5 * noise());
    frames.add(pixels);
  }
  const calibration result = calibrate(frames, {}, {});
  EXPECT_NEAR(result.fit->mean_adu, 2e6, 3e3);
  EXPECT_NEAR(result.fit->sigma_adu, 1e5, 2e3);
}

TEST(calibrate, a_dark_reference_of_any_number_of_frames_leaves_the_peak_at_0) {
  // Few dark frames put the charges on few of the sixteenths of an ADU.
  simulation_options scan;
  scan.frame = {288, 288};
  scan.scan = {4, 4, 1};
  scan.occupancy = 0;
  scan.xrays_per_frame = 0;
  for (const std::uint32_t dark_frames : {1U, 2U, 3U, 4U, 7U, 50U}) {
    calibration start;
    apply_dark(start, average_darks(*simulated_darks(scan, dark_frames)));
    const calibration result = calibrate(*simulated_source(scan), start, {});
    EXPECT_NEAR(result.fit->mean_adu, 0, 0.03) << dark_frames;
    EXPECT_NEAR(result.fit->sigma_adu, std::sqrt((4 + 1.0 / 12) * (1 + 1.0 / dark_frames)), 0.03) << dark_frames;
  }
}

TEST(calibrate, thresholds_per_pixel_follow_the_noise_of_the_pixel_but_not_below_the_one_for_all) {
  const noise_frames frames(10);
  calibration start;
  start.shape = {64, 64};
  start.dark16.assign(64 * 64, 320);
  start.dark_sigma_adu.assign(64 * 64, 2);
  start.dark_sigma_adu[0] = 4;
  start.dark_sigma_adu[1] = 0.1F;
  start.dark_sigma_adu[2] = std::numeric_limits<float>::quiet_NaN();
  calibration_options options;
  options.per_pixel_thresholds = true;
  const calibration result = calibrate(frames, start, options);
  ASSERT_EQ(result.pixel_background16.size(), 64U * 64);
  EXPECT_EQ(result.pixel_background16[0], std::floor(16 * (result.fit->mean_adu + 4.5 * 4)));
  EXPECT_EQ(result.pixel_background16[1], result.background16);
  EXPECT_EQ(result.pixel_background16[2], result.background16);

  options.background_adu = 12;
  options.xray_adu = 900;
  start.gain.assign(64 * 64, 2);
  const calibration given = calibrate(frames, start, options);
  EXPECT_EQ(given.pixel_background16[0], 16 * 36) << "the noise is amplified as the charge is";
  EXPECT_EQ(given.pixel_background16[1], 16 * 12);
}

TEST(calibrate, starts_afresh_from_a_used_calibration) {
  const noise_frames frames(10);
  const calibration first = calibrate(frames, {}, {});
  EXPECT_TRUE(same(first, calibrate(frames, first, {})));
}

}  // namespace
