#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <countem/calibrate.hpp>

#include "host/engine/drift.hpp"
#include "tests/calibration/memory_source.hpp"
#include "tests/calibration/noise_frames.hpp"

namespace {

using namespace countem;
using engine::drift_of;
using engine::frame_level;
using engine::level_of;

std::vector<frame_level> levels(const std::vector<std::int32_t>& levels16, std::int32_t spread16 = 20) {
  std::vector<frame_level> made;
  for (const std::int32_t level16 : levels16) made.push_back({level16, spread16});
  return made;
}

TEST(level_of_a_frame, is_that_of_its_charges_with_far_ones_cut) {
  // Charges 0 0 16 16 32 no_charge 9000: median 16, quartile 0; distances -16 -16 0 0 16 96: 80 / 6 -> 13.
  const std::vector<std::int32_t> charges{0, 9000, 16, no_charge, 0, 32, 16};
  const auto level = level_of(charges, {1, 7});
  ASSERT_TRUE(level.has_value());
  EXPECT_EQ(level->level16, 16 + 13);
  EXPECT_EQ(level->spread16, 16);
  EXPECT_FALSE(level_of(std::vector<std::int32_t>(7, no_charge), {1, 7}).has_value());
}

TEST(level_of_a_frame, takes_every_second_row_of_128) {
  std::vector<std::int32_t> charges;
  for (int row = 0; row < 128; ++row) charges.insert(charges.end(), 2, row % 2 == 0 ? 100 : 7);
  EXPECT_EQ(level_of(charges, {128, 2})->level16, 100);
  EXPECT_EQ(level_of(charges, {127, 2})->level16, 100 - 46) << "63 of 127 rows are 93 below the median";
}

TEST(drift, is_the_difference_of_the_outermost_stretches) {
  // Two stretches of three.
  EXPECT_EQ(drift_of(levels({0, 0, 0, 30, 30, 30})), 30);
  EXPECT_EQ(drift_of(levels({30, 30, 30, 0, 0, 0})), -30);
  // Up and down again: three stretches.
  EXPECT_EQ(drift_of(levels({0, 0, 0, 50, 50, 50, 5, 5, 5})), 50);
  EXPECT_EQ(drift_of(levels({-charge_limit, -charge_limit, -charge_limit, charge_limit, charge_limit, charge_limit})),
            charge_limit);
}

TEST(drift, one_odd_frame_of_a_stretch_is_none) {
  EXPECT_EQ(drift_of(levels({0, 900, 0, 0, 0, -900})), std::nullopt);
  EXPECT_EQ(drift_of(levels({0, 900, 900, 0, 0, 0})), -900);
}

TEST(drift, needs_half_an_adu_half_the_spread_and_six_frames) {
  EXPECT_EQ(drift_of(levels({0, 0, 0, 8, 8, 8}, 15)), 8);
  EXPECT_EQ(drift_of(levels({0, 0, 0, 7, 7, 7}, 2)), std::nullopt);
  EXPECT_EQ(drift_of(levels({0, 0, 0, 8, 8, 8}, 16)), std::nullopt);
  EXPECT_EQ(drift_of(levels({0, 0, 30, 30, 30})), std::nullopt);
  EXPECT_EQ(drift_of(levels({})), std::nullopt);
}

/// Noise of 2 ADU around a level that rises by so much from the first frame to the last.
class rising_frames : public test::memory_source<std::uint16_t> {
 public:
  rising_frames(int frames, double rise_adu) : memory_source({64, 64}) {
    test::gaussian_noise noise(11);
    for (int frame = 0; frame < frames; ++frame) {
      std::vector<std::uint16_t> pixels(info().shape.pixels());
      for (std::uint16_t& pixel : pixels) pixel = test::digitised(40 + rise_adu * frame / (frames - 1) + 2 * noise());
      add(pixels);
    }
  }
};

/// The sentence about a drift, or none.
std::string drift_note(const calibration& found) {
  for (const source_issue& note : found.notes) {
    if (note.kind == "drift") return note.text;
  }
  return {};
}

calibration with_dark(double level_adu) {
  calibration start;
  start.shape = {64, 64};
  start.dark16.assign(start.shape.pixels(), static_cast<std::int32_t>(16 * level_adu));
  return start;
}

TEST(drift, of_a_scan_is_found_by_its_calibration) {
  const rising_frames frames(60, 20);
  const calibration_options given = [] {
    calibration_options options = test::with_samples(40);
    options.background_adu = 10;
    options.xray_adu = 1000;
    return options;
  }();
  const calibration found = calibrate(frames, with_dark(40), given);
  EXPECT_THAT(drift_note(found), testing::ContainsRegex("moves by \\+1[78]\\.[0-9] ADU"))
      << "from the first eighth to the last";
  const calibration falling = calibrate(rising_frames(60, -20), with_dark(40), given);
  EXPECT_THAT(drift_note(falling), testing::ContainsRegex("moves by -1[78]\\.[0-9] ADU"));
}

TEST(drift, is_not_found_where_there_is_only_noise) {
  for (const double rise_adu : {0.0, 0.3}) {
    const calibration found = calibrate(rising_frames(60, rise_adu), with_dark(40), test::with_samples(40));
    ASSERT_TRUE(found.fit.has_value());
    EXPECT_EQ(drift_note(found), "") << rise_adu;
  }
}

TEST(drift, that_is_subtracted_leaves_the_noise_as_it_is) {
  calibration_options options = test::with_samples(40);
  const calibration still = calibrate(rising_frames(60, 0), with_dark(40), options);
  options.background = background_method::frame;
  for (const bool dark : {true, false}) {
    const calibration found = calibrate(rising_frames(60, 20), dark ? with_dark(40) : calibration{}, options);
    EXPECT_EQ(drift_note(found), "");
    EXPECT_NEAR(found.fit->sigma_adu, still.fit->sigma_adu, 0.05) << dark;
    EXPECT_NEAR(found.fit->mean_adu, 0, 0.1) << dark;
  }
}

}  // namespace
