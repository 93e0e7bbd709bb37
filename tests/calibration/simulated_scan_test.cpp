// A simulated 4D Camera scan, calibrated as its user would.
#include <gtest/gtest.h>

#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include "tests/calibration/noise_frames.hpp"

namespace {

using namespace countem;
using namespace countem::test;

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

/// Electrons of 300 kV often leave little: a lower threshold than 4.5 sigma finds more of them than it adds noise.
TEST(simulated_scan, has_an_automatic_threshold_that_finds_more_electrons) {
  simulation_options scan;
  scan.scan = {8, 8, 1};
  scan.frame = {288, 576};
  scan.occupancy = 0.01;
  const auto frames = simulated_source(scan);
  calibration start;
  apply_dark(start, average_darks(*simulated_darks(scan, 64)));
  calibration_options options = with_samples(10);
  const calibration fixed = calibrate(*frames, start, options);
  options.background_sigmas.reset();
  const calibration best = calibrate(*frames, start, options);
  EXPECT_EQ(best.fit->mean_adu, fixed.fit->mean_adu);
  EXPECT_LT(best.background16, fixed.background16);
  EXPECT_GE(best.fit->background_sigmas, 3);
  EXPECT_LT(best.fit->background_sigmas, 4.5);
  ASSERT_TRUE(fixed.fit->expected && best.fit->expected);
  EXPECT_GT(best.fit->expected->per_frame, fixed.fit->expected->per_frame);
  EXPECT_LT(best.fit->expected->share, 0.1);

  options.false_hits = best.fit->expected->per_frame;
  EXPECT_LE(calibrate(*frames, start, options).background16, best.background16);
  EXPECT_LE(calibrate(*frames, start, options).fit->expected->per_frame, best.fit->expected->per_frame);
}

TEST(simulated_scan, without_a_dark_reference_keeps_the_fixed_threshold) {
  simulation_options scan;
  scan.scan = {4, 4, 1};
  scan.frame = {288, 576};
  const auto frames = simulated_source(scan);
  calibration_options options = with_samples(4);
  const calibration fixed = calibrate(*frames, {}, options);
  options.background_sigmas.reset();
  const calibration same = calibrate(*frames, {}, options);
  EXPECT_EQ(same.background16, fixed.background16);
  EXPECT_EQ(same.fit->background_sigmas, 4.5);
  EXPECT_FALSE(same.fit->expected);
  options.false_hits = 3;
  EXPECT_THROW(static_cast<void>(calibrate(*frames, {}, options)), invalid_argument);
}

TEST(simulated_scan, of_few_frames_shows_no_small_rate_of_false_hits) {
  simulation_options scan;
  scan.scan = {4, 4, 1};
  scan.frame = {288, 576};
  calibration start;
  apply_dark(start, average_darks(*simulated_darks(scan, 16)));
  calibration_options options = with_samples(4);
  options.false_hits = 0.1;
  try {
    static_cast<void>(calibrate(*simulated_source(scan), start, options));
    FAIL() << "4 frames of 0.1 each";
  } catch (const invalid_argument& refusal) {
    EXPECT_NE(std::string(refusal.what()).find("at least 10 frames"), std::string::npos) << refusal.what();
  }
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

}  // namespace
