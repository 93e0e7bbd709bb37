#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "tests/calibration/memory_source.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::Each;
using testing::ElementsAre;

TEST(average_darks, mean_in_sixteenths_and_temporal_sigma_of_each_pixel) {
  memory_source<std::uint16_t> darks({1, 3});
  darks.add({1, 20, 65535});
  darks.add({2, 20, 65535});
  darks.add({3, 21, 65535});
  const dark_reference average = average_darks(darks);
  EXPECT_EQ(average.frames, 3U);
  EXPECT_EQ(average.shape, (frame_shape{1, 3}));
  EXPECT_THAT(average.mean16, ElementsAre(32, 325, 16 * 65535));  // 16 * 61 / 3 = 325.33
  EXPECT_THAT(average.sigma_adu, ElementsAre(1.0F, static_cast<float>(std::sqrt(1.0 / 3)), 0.0F));
}

TEST(average_darks, a_mean_between_two_sixteenths_goes_to_the_even_one) {
  memory_source<std::uint16_t> darks({1, 3});
  darks.add({1, 3, 5});  // means 1/32, 3/32, 5/32: 0.5, 1.5, 2.5 sixteenths
  for (int i = 0; i < 31; ++i) darks.add({0, 0, 0});
  EXPECT_THAT(average_darks(darks).mean16, ElementsAre(0, 2, 2));
}

TEST(average_darks, pixels_that_a_file_marks_are_masked_and_its_faults_are_noted) {
  memory_source<std::uint16_t> darks({8, 8});
  for (int i = 0; i < 4; ++i) darks.add(std::vector<std::uint16_t>(64, static_cast<std::uint16_t>(100 + i % 2)));
  darks.mark(9);
  darks.add_issue({"missing_frame", "darks: 3 frames are missing", 1, {}});
  memory_source<std::uint16_t> frames({8, 8});
  for (int i = 0; i < 4; ++i) frames.add(std::vector<std::uint16_t>(64, static_cast<std::uint16_t>(100 + i % 2)));
  frames.mark(10);
  calibration start;
  apply_dark(start, average_darks(darks));
  calibration_options options;
  options.background_adu = 5;
  options.xray_adu = 500;
  for (int round = 0; round < 2; ++round) {  // found again, the notes are the same
    start = calibrate(frames, start, options);
    EXPECT_EQ(start.mask[9] & mask_given, mask_given);
    EXPECT_EQ(start.mask[10] & mask_given, mask_given);
    EXPECT_EQ(start.mask[11] & mask_given, 0);
    const auto about_darks = [](const source_issue& note) { return note.kind == "dark_missing_frame"; };
    EXPECT_EQ(std::count_if(start.notes.begin(), start.notes.end(), about_darks), 1);
  }
  calibration loaded;
  check_loaded(loaded, frames, false);
  EXPECT_EQ(loaded.mask[10], mask_given) << "a calibration made without these frames masks what their file marks, too";
}

TEST(average_darks, one_frame_has_no_temporal_noise) {
  memory_source<float> darks({1, 2});
  darks.add({1.53F, -2});
  const dark_reference average = average_darks(darks);
  EXPECT_THAT(average.mean16, ElementsAre(24, -32));
  EXPECT_TRUE(average.sigma_adu.empty());
  EXPECT_THAT(average.mask, Each(0));
}

TEST(average_darks, large_values_keep_their_last_digit) {
  memory_source<std::uint32_t> darks({1, 1});
  for (std::uint32_t i = 0; i < 1000; ++i) darks.add({67'000'000U + i % 2});
  const dark_reference average = average_darks(darks);
  EXPECT_EQ(average.mean16[0], 16 * 67'000'000 + 8);
  EXPECT_FLOAT_EQ(average.sigma_adu[0], static_cast<float>(std::sqrt(0.25 * 1000 / 999)));
}

TEST(average_darks, a_pixel_is_averaged_over_the_frames_in_which_its_sector_arrived) {
  memory_source<std::uint16_t> darks({4, 1}, sector_split::rows);
  darks.add({10, 10, 10, 10}, 0b0111);
  darks.add({20, 20, 20, 20}, 0b0011);
  darks.add({30, 30, 30, 30}, 0b0001);
  darks.add({90, 90, 90, 90}, 0);
  const dark_reference average = average_darks(darks);
  EXPECT_EQ(average.frames, 3U);
  EXPECT_THAT(average.mean16, ElementsAre(16 * 20, 16 * 15, 16 * 10, 0));
  EXPECT_FLOAT_EQ(average.sigma_adu[0], 10);
  EXPECT_TRUE(std::isnan(average.sigma_adu[2]));  // one value
  EXPECT_TRUE(std::isnan(average.sigma_adu[3]));
  EXPECT_THAT(average.mask, ElementsAre(0, 0, 0, mask_dead)) << "only the sector that never arrived";
}

TEST(average_darks, columns_of_a_missing_column_sector_are_left_out) {
  memory_source<std::uint16_t> darks({1, 4}, sector_split::columns);
  darks.add({10, 10, 10, 10}, 0b1110);
  darks.add({20, 20, 20, 20}, 0b1111);
  EXPECT_THAT(average_darks(darks).mean16, ElementsAre(16 * 20, 16 * 15, 16 * 15, 16 * 15));
}

TEST(average_darks, values_that_are_not_finite_did_not_arrive) {
  memory_source<float> darks({1, 2});
  darks.add({std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()});
  darks.add({4, -std::numeric_limits<float>::infinity()});
  const dark_reference average = average_darks(darks);
  EXPECT_THAT(average.mean16, ElementsAre(64, 0));
  EXPECT_THAT(average.mask, ElementsAre(0, mask_dead));
}

TEST(average_darks, values_beyond_the_charge_limit_saturate) {
  memory_source<float> darks({1, 2});
  darks.add({3e38F, -3e38F});
  darks.add({3e38F, -3e38F});
  EXPECT_THAT(average_darks(darks).mean16, ElementsAre(charge_limit, -charge_limit));
}

TEST(average_darks, is_the_same_for_any_number_of_threads_and_more_frames_than_a_batch) {
  memory_source<float> darks({17, 31});
  gaussian_noise noise(5);
  for (int frame = 0; frame < 300; ++frame) {
    std::vector<float> pixels(17 * 31);
    for (float& pixel : pixels) pixel = static_cast<float>(1e6 * noise());
    darks.add(pixels);
  }
  const dark_reference one = average_darks(darks, 1);
  EXPECT_EQ(one.frames, 300U);
  for (const unsigned threads : {0U, 2U, 5U}) {
    const dark_reference many = average_darks(darks, threads);
    EXPECT_EQ(many.mean16, one.mean16);
    EXPECT_EQ(many.sigma_adu, one.sigma_adu);
    EXPECT_EQ(many.mask, one.mask);
  }
}

TEST(average_darks, without_frames_there_is_nothing_to_average) {
  memory_source<std::uint16_t> none({2, 2});
  EXPECT_THROW((void)average_darks(none), format_error);
  none.add({1, 2, 3, 4}, 0);
  try {
    (void)average_darks(none);
    FAIL() << "averaged frames that never arrived";
  } catch (const format_error& told) {
    EXPECT_THAT(told.what(), testing::HasSubstr("none of the 1 dark frames arrived"));
  }
}

/// Darks of a detector with 2 ADU noise and rows at different levels, with some pixels changed by the test.
template <class Spoil>
dark_reference average_of_noise(int frames, const Spoil& spoil) {
  constexpr frame_shape shape{48, 64};
  memory_source<std::uint16_t> darks(shape);
  gaussian_noise noise(1);
  std::vector<double> level(shape.height);
  for (double& row : level) row = 40 + 1.5 * noise();
  for (int frame = 0; frame < frames; ++frame) {
    std::vector<std::uint16_t> pixels(shape.pixels());
    for (std::size_t p = 0; p < pixels.size(); ++p) {
      pixels[p] = digitised(spoil(p, frame, level[p / shape.width] + 2 * noise()));
    }
    darks.add(pixels);
  }
  return average_darks(darks);
}

std::vector<std::size_t> masked_for(const dark_reference& average, std::uint8_t reason) {
  std::vector<std::size_t> pixels;
  for (std::size_t p = 0; p < average.mask.size(); ++p) {
    if ((average.mask[p] & reason) != 0) pixels.push_back(p);
  }
  return pixels;
}

class dark_mask : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(frames, dark_mask, testing::Values(2, 3, 5, 20, 100));

TEST_P(dark_mask, good_pixels_stay) {
  const dark_reference average = average_of_noise(GetParam(), [](std::size_t, int, double adu) { return adu; });
  EXPECT_THAT(average.mask, Each(0));
}

TEST_P(dark_mask, hot_pixels_stand_above_their_neighbours) {
  const dark_reference average = average_of_noise(
      GetParam(), [](std::size_t p, int, double adu) { return p == 0 || p == 777 || p == 778 ? adu + 40 : adu; });
  EXPECT_THAT(masked_for(average, mask_hot), ElementsAre(0, 777, 778));
  EXPECT_THAT(masked_for(average, mask_blinking | mask_dead), testing::IsEmpty());
}

TEST_P(dark_mask, blinking_pixels_change_more_than_others) {
  const dark_reference average = average_of_noise(
      GetParam(), [](std::size_t p, int frame, double adu) { return p == 1000 ? adu + (frame % 2 == 0 ? 60 : -30) : adu; });
  EXPECT_THAT(masked_for(average, mask_blinking), ElementsAre(1000));
}

TEST(dead_pixels, never_change) {
  const auto stuck = [](std::size_t p, int, double adu) { return p == 5 ? 0 : p == 6 ? 41 : adu; };
  EXPECT_THAT(masked_for(average_of_noise(40, stuck), mask_dead), ElementsAre(5, 6));
}

TEST(dead_pixels, are_not_told_from_chance_by_a_few_frames) {
  const auto stuck = [](std::size_t p, int, double adu) { return p == 6 ? 41 : adu; };
  EXPECT_THAT(masked_for(average_of_noise(5, stuck), mask_dead), testing::IsEmpty());
}

TEST(dead_pixels, are_not_told_where_the_whole_detector_is_silent) {
  memory_source<std::uint16_t> darks({8, 8});
  for (std::uint16_t frame = 0; frame < 50; ++frame) {
    std::vector<std::uint16_t> pixels(64);
    pixels[9] = frame;
    darks.add(pixels);
  }
  const dark_reference average = average_darks(darks);
  EXPECT_THAT(masked_for(average, mask_dead | mask_blinking), testing::IsEmpty());
  EXPECT_THAT(masked_for(average, mask_hot), ElementsAre(9)) << "its mean of 24.5 ADU still stands out";
}

TEST(apply_dark, gives_the_calibration_the_reference_and_adds_to_its_mask) {
  dark_reference dark{{1, 2}, {16, -5}, {1, 2}, {0, mask_hot}, 7, {}, {}};
  calibration into;
  into.shape = {1, 2};
  into.mask = {mask_given, mask_given};
  apply_dark(into, dark);
  EXPECT_EQ(into.dark16, dark.mean16);
  EXPECT_EQ(into.dark_sigma_adu, dark.sigma_adu);
  EXPECT_EQ(into.dark_frames, 7U);
  EXPECT_THAT(into.mask, ElementsAre(mask_given, mask_given | mask_hot));

  calibration good;
  dark.mask = {0, 0};
  apply_dark(good, dark);
  EXPECT_EQ(good.shape, dark.shape);
  EXPECT_TRUE(good.mask.empty());
}

TEST(apply_dark, refuses_another_shape) {
  calibration into;
  into.shape = {2, 1};
  EXPECT_THROW(apply_dark(into, {{1, 2}, {16, -5}, {1, 2}, {0, 0}, 7, {}, {}}), invalid_argument);
}

TEST(apply_gain, masks_what_is_no_gain) {
  memory_source<float> gain({1, 5});
  gain.add({1, 0, -1, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()});
  calibration into;
  apply_gain(into, gain);
  EXPECT_EQ(into.shape, (frame_shape{1, 5}));
  EXPECT_THAT(into.mask, ElementsAre(0, mask_gain, mask_gain, mask_gain, mask_gain));
  EXPECT_EQ(into.gain[0], 1);
}

TEST(apply_gain, wants_one_whole_frame) {
  memory_source<float> two({1, 4}, sector_split::columns);
  two.add({1, 1, 1, 1}, 0b0111);
  calibration into;
  EXPECT_THROW(apply_gain(into, two), format_error);
  two.add({1, 1, 1, 1});
  try {
    apply_gain(into, two);
    FAIL() << "took one of two frames";
  } catch (const format_error& told) {
    EXPECT_THAT(told.what(), testing::HasSubstr("memory: holds 2 frames where a gain reference is a single one"));
  }
}

TEST(apply_mask, of_all_pixels_is_refused) {
  memory_source<std::uint8_t> mask({2, 2});
  mask.add({1, 2, 255, 1});
  calibration into;
  EXPECT_THAT([&] { apply_mask(into, mask); },
              testing::ThrowsMessage<format_error>(testing::HasSubstr("memory: masks every pixel")));
  EXPECT_TRUE(into.mask.empty());
}

TEST(apply_mask, everything_but_0_is_masked) {
  memory_source<std::uint8_t> mask({2, 2});
  mask.add({0, 1, 255, 0});
  calibration into;
  into.shape = {2, 2};
  into.mask = {mask_hot, 0, mask_dead, 0};
  apply_mask(into, mask);
  EXPECT_THAT(into.mask, ElementsAre(mask_hot, mask_given, mask_dead | mask_given, 0));
  into.shape = {4, 1};
  EXPECT_THROW(apply_mask(into, mask), invalid_argument);
}

}  // namespace
