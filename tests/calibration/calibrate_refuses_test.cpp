#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "tests/calibration/noise_frames.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::HasSubstr;

/// The message of a call that throws Error.
template <class Error>
std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& told) {
    return told.what();
  }
  return "nothing was refused";
}

TEST(calibrate_refuses, a_scan_of_which_nothing_arrived) {
  const noise_frames frames(3, {0, 1, 2});
  EXPECT_THAT(refusal<format_error>([&] { (void)calibrate(frames, {}, {}); }),
              HasSubstr("none of the 3 frames of the scan arrived"));
  memory_source<std::uint16_t> none({2, 2});
  EXPECT_THAT(refusal<format_error>([&] { (void)calibrate(none, {}, {}); }), HasSubstr("none of the 0 frames"));
}

TEST(calibrate_refuses, a_mask_that_leaves_nothing) {
  const noise_frames frames(3);
  calibration start;
  start.shape = {64, 64};
  start.mask.assign(64 * 64, mask_given);
  EXPECT_THAT(refusal<invalid_argument>([&] { (void)calibrate(frames, start, {}); }), HasSubstr("all 4096 pixels are masked"));
}

TEST(calibrate_refuses, frames_without_noise) {
  memory_source<std::uint16_t> frames({8, 8});
  frames.add(std::vector<std::uint16_t>(64, 7));
  EXPECT_THAT(refusal<format_error>([&] { (void)calibrate(frames, {}, {}); }),
              HasSubstr("have the charge 7.00 ADU: there is no noise"));
}

TEST(calibrate_refuses, noise_that_was_cut_off_at_0) {
  memory_source<std::uint16_t> frames({64, 64});
  std::vector<std::uint16_t> pixels(64 * 64);
  for (std::size_t p = 0; p < pixels.size(); p += 10) pixels[p] = static_cast<std::uint16_t>(p / 10 % 40);
  frames.add(pixels);
  EXPECT_THAT(refusal<format_error>([&] { (void)calibrate(frames, {}, {}); }), HasSubstr("most of the sampled pixels hold 0"));
}

TEST(calibrate_refuses, charges_without_a_peak) {
  memory_source<std::uint16_t> frames({256, 256});
  std::vector<std::uint16_t> pixels(256 * 256);
  for (std::size_t p = 0; p < pixels.size(); ++p) pixels[p] = static_cast<std::uint16_t>(1000 + p % 16384);
  frames.add(pixels);
  EXPECT_THAT(refusal<format_error>([&] { (void)calibrate(frames, {}, {}); }), HasSubstr("does not converge"));
}

/// 30 % of the pixels hold 100 ADU or little less: a flank that only rises. The fit climbs it and ends at the noise of the
/// others.
TEST(calibrate_refuses, a_fit_that_ends_at_another_peak_than_the_densest) {
  std::vector<std::uint16_t> pixels;
  const auto add = [&](double adu, double number) {
    pixels.insert(pixels.end(), static_cast<std::size_t>(number), digitised(adu));
  };
  for (int below = 0; below < 6; ++below) add(100 - below, 960 * std::pow(0.2, below));
  for (int from_mean = -9; from_mean < 10; ++from_mean) add(110 + from_mean, 560 * std::exp(-from_mean * from_mean / 8.0));
  memory_source<std::uint16_t> frames({1, static_cast<std::uint32_t>(pixels.size())});
  frames.add(pixels);
  EXPECT_THAT(refusal<format_error>([&] { (void)calibrate(frames, {}, {}); }),
              HasSubstr("the densest charges lie near 99.50 ADU"));
}

TEST(calibrate_refuses, a_dark_reference_above_the_frames) {
  const noise_frames frames(3);
  calibration start;
  start.shape = {64, 64};
  start.dark16.assign(64 * 64, 16 * 120);
  EXPECT_THAT(refusal<invalid_argument>([&] { (void)calibrate(frames, start, {}); }),
              testing::AllOf(HasSubstr("the dark reference lies "), HasSubstr("take"),
                             testing::ContainsRegex("lies (99.9|100.0). ADU above")));
}

TEST(calibrate_refuses, references_of_another_shape) {
  const noise_frames frames(3);
  calibration start;
  start.shape = {32, 128};
  start.dark16.assign(64 * 64, 0);
  EXPECT_THAT(refusal<invalid_argument>([&] { (void)calibrate(frames, start, {}); }), HasSubstr("32 x 128"));
}

TEST(calibrate_refuses, thresholds_that_cross) {
  const noise_frames frames(3);
  calibration_options options;
  options.xray_adu = 25;
  EXPECT_THAT(refusal<invalid_argument>([&] { (void)calibrate(frames, {}, options); }),
              HasSubstr("every electron would be rejected"));
}

TEST(calibrate_refuses, thresholds_per_pixel_without_the_noise_of_each_pixel) {
  const noise_frames frames(3);
  calibration_options options;
  options.per_pixel_thresholds = true;
  try {
    (void)calibrate(frames, {}, options);
    FAIL() << "nothing was refused";
  } catch (const invalid_argument& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("the noise of each pixel"));
    EXPECT_EQ(refused.advised(), (std::vector<advice>{{advice_kind::dark_frames}}));
  }
}

TEST(calibrate_refuses, options_without_sense) {
  const noise_frames frames(3);
  const double bad_numbers[] = {0, -1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()};
  for (const double bad : bad_numbers) {
    calibration_options options;
    options.background_sigmas = bad;
    EXPECT_THROW((void)calibrate(frames, {}, options), invalid_argument) << bad;
    options = {};
    options.xray_sigmas = bad;
    EXPECT_THROW((void)calibrate(frames, {}, options), invalid_argument) << bad;
  }
  EXPECT_THROW((void)calibrate(frames, {}, with_samples(0)), invalid_argument);
  calibration_options negative;
  negative.background_adu = -1;
  EXPECT_THROW((void)calibrate(frames, {}, negative), invalid_argument);
}

}  // namespace
