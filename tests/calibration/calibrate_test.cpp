#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include "tests/calibration/memory_source.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::ElementsAre;
using testing::HasSubstr;

/// What a call says when it throws Error.
template <class Error>
std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& told) {
    return told.what();
  }
  return "nothing was refused";
}

/// Frames of Gaussian noise, 2 ADU around 20 ADU, some of which never arrived.
class noise_frames : public memory_source<std::uint16_t> {
 public:
  explicit noise_frames(int frames, const std::vector<int>& missing = {}) : memory_source({64, 64}) {
    gaussian_noise noise(11);
    for (int frame = 0; frame < frames; ++frame) {
      std::vector<std::uint16_t> pixels(info().shape.pixels());
      for (std::uint16_t& pixel : pixels) pixel = digitised(20 + 2 * noise());
      const bool arrived = std::find(missing.begin(), missing.end(), frame) == missing.end();
      add(pixels, arrived ? all_sectors : 0);
    }
  }
};

calibration_options with_samples(std::uint32_t samples) {
  calibration_options options;
  options.samples = samples;
  return options;
}

// A simulated 4D Camera scan, calibrated as its user would.
struct scan_calibration {
  simulation_options scan;
  double true_sigma_adu = 0;
  calibration calibrated;
};

scan_calibration calibrate_scan(double occupancy, std::uint32_t dark_frames, std::uint32_t samples = 10) {
  scan_calibration result;
  result.scan.scan = {16, 16, 1};
  result.scan.frame = {288, 576};
  result.scan.occupancy = occupancy;
  if (occupancy == 0) result.scan.xrays_per_frame = 0;
  calibration start;
  if (dark_frames != 0) apply_dark(start, average_darks(*simulated_darks(result.scan, dark_frames)));
  result.calibrated = calibrate(*simulated_source(result.scan), start, with_samples(samples));
  return result;
}

double threshold_adu(const scan_calibration& of) {
  return of.calibrated.fit->mean_adu + 4.5 * of.calibrated.fit->sigma_adu;
}

TEST(simulated_scan, at_one_percent_occupancy_gives_the_noise_and_the_threshold_of_an_empty_scan) {
  const scan_calibration empty = calibrate_scan(0, 64);
  const scan_calibration busy = calibrate_scan(0.01, 64);
  EXPECT_NEAR(busy.calibrated.fit->sigma_adu, busy.scan.noise_adu, 0.03 * busy.scan.noise_adu);
  EXPECT_NEAR(empty.calibrated.fit->sigma_adu, empty.scan.noise_adu, 0.03 * empty.scan.noise_adu);
  EXPECT_NEAR(busy.calibrated.fit->mean_adu, 0, 0.1);
  EXPECT_NEAR(threshold_adu(busy), threshold_adu(empty), 0.1);
  EXPECT_NEAR(busy.calibrated.background16 / 16.0, threshold_adu(busy), 1 / 16.0);
}

TEST(simulated_scan, at_five_percent_occupancy_has_almost_the_same_threshold) {
  const scan_calibration crowded = calibrate_scan(0.05, 64, 4);
  EXPECT_NEAR(crowded.calibrated.fit->sigma_adu, crowded.scan.noise_adu, 0.05 * crowded.scan.noise_adu);
  EXPECT_NEAR(threshold_adu(crowded), 4.5 * 2.04, 0.3);
}

TEST(simulated_scan, without_a_dark_reference_has_a_threshold_on_the_raw_scale) {
  const scan_calibration raw = calibrate_scan(0.01, 0);
  // The peak holds noise and structure of the dark level: above the noise alone, far below an electron (about 20 ADU).
  EXPECT_NEAR(raw.calibrated.fit->mean_adu, 20, 0.5);
  EXPECT_GT(raw.calibrated.fit->sigma_adu, 2);
  EXPECT_LT(raw.calibrated.fit->sigma_adu, 2.6);
  EXPECT_GT(threshold_adu(raw), 20 + 4.5 * 2);
  EXPECT_LT(threshold_adu(raw), 20 + 4.5 * 2.6);
}

TEST(simulated_scan, finds_the_hot_pixels_and_no_others) {
  simulation_options scan;
  scan.hot_pixels = 50;
  const simulator truth(scan);
  const dark_reference dark = average_darks(*simulated_darks(scan, 20));
  std::vector<std::uint32_t> masked;
  for (std::uint32_t p = 0; p < dark.mask.size(); ++p) {
    if (dark.mask[p] != 0) masked.push_back(p);
  }
  EXPECT_EQ(masked, truth.hot_pixels());
  EXPECT_GT(masked.size(), 40U);
}

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
  EXPECT_TRUE(std::isnan(result.fit->mean_adu)) << "no fit where the threshold is given";
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
  EXPECT_THAT(refusal<invalid_argument>([&] { (void)calibrate(frames, start, {}); }), HasSubstr("all are masked"));
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
