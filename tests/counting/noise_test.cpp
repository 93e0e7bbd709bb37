// Row noise and shifted frames in the reference counter, against numbers worked out by hand from docs/semantics.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include <countem/counting.hpp>

#include "tests/counting/small_frame.hpp"

namespace {

using namespace countem;
using testing::ElementsAre;
using testing::IsEmpty;

using u16_frame = small_frame<std::uint16_t>;

/// Charges of all hits of a frame of one row, which has a threshold of 3 ADU.
template <class Pixel>
std::vector<std::uint32_t> charges_after(row_noise_method method, std::vector<Pixel> pixels) {
  const auto width = static_cast<std::uint32_t>(pixels.size());
  small_frame<Pixel> frame({1, width}, std::move(pixels));
  frame.setup.options = {.method = counting_method::pixels, .row_noise = method, .values = event_value::charge};
  return frame.count().values;
}

TEST(row_noise, mean_cuts_what_is_far_from_the_middle) {
  // Left half, charges 16 16 32 1440: about 0 160 / 4 = 40, above 32. 16 lies in 16 to 23, middle 20, distances -4 -4 12 and 96
  // of 1420; 100 / 4 = 25. Right half 0 0 0 80: 80 / 4 = 20.
  EXPECT_THAT(charges_after<std::uint16_t>(row_noise_method::mean, {1, 1, 2, 90, 0, 0, 0, 5}), ElementsAre(1440 - 45, 80 - 20));
  // 160 208 256 0: of 160 and 208 the lower, middle 164, distances -4 44 92 -96 (of -164); 36 / 4 = 9. Then 80 80 160 0 0:
  // middle 84, -100 / 5 = -20.
  EXPECT_THAT(charges_after<std::uint16_t>(row_noise_method::mean, {10, 13, 16, 0, 5, 5, 10, 0, 0}),
              ElementsAre(256 - 173, 160 - 64));
}

TEST(row_noise, mean_starts_from_0_and_is_done_within_2_adu) {
  // 16 16 0 1440: (16 + 16 + 96) / 4 = 32. 16 16 2 1440 is 130 / 4 = 32.5 -> 33; then middle 20, -4 -4 -18 96: 70 / 4 -> 18.
  EXPECT_THAT(charges_after<float>(row_noise_method::mean, {1, 1, 0, 90, 1, 1, 2 / 16.F, 90}),
              ElementsAre(1440 - 32, 1440 - 38));
  // -96 -96 -32 96: -128 / 4 = -32. -96 -96 -34 96: -32.5 -> -32. -96 -96 -36 96: -33; then of -96 -96 -36 96 the middle -92,
  // -4 -4 56 96: 144 / 4 = 36, -56.
  EXPECT_THAT(charges_after<float>(row_noise_method::mean, {-6, -6, -2, 6, -6, -6, -34 / 16.F, 6}), ElementsAre(128, 128));
  EXPECT_THAT(charges_after<float>(row_noise_method::mean, {-6, -6, -36 / 16.F, 6, 0, 0, 0, 0}), ElementsAre(96 + 56));
}

TEST(row_noise, median_and_thresholds_again) {
  // Charges 0 16 48 64: median 32, which leaves 32: no longer above the threshold of 48.
  EXPECT_THAT(charges_after<std::uint16_t>(row_noise_method::median, {0, 1, 3, 4, 0, 0, 0, 0}), IsEmpty());
}

TEST(row_noise, an_offset_above_the_threshold_changes_nothing) {
  const std::vector<std::uint16_t> row{1, 0, 2, 50, 1, 2, 0, 40, 3, 1};
  for (const row_noise_method method : {row_noise_method::mean, row_noise_method::median}) {
    const auto shifted_by = [&](int offset) {
      std::vector<std::uint16_t> shifted = row;
      for (std::uint16_t& pixel : shifted) pixel = static_cast<std::uint16_t>(pixel + offset);
      return charges_after(method, shifted);
    };
    EXPECT_EQ(shifted_by(0).size(), 2U);
    const std::vector<std::uint32_t> expected = shifted_by(4);  // farther from 0 than the mean's first try reaches
    EXPECT_EQ(expected.size(), 2U);
    for (const int offset : {20, 3000, 60'000}) EXPECT_EQ(shifted_by(offset), expected) << offset;
  }
}

TEST(row_noise, even_count_takes_the_middle_halves_up) {
  // Charges of the left half in 1/16: 0 and 3 of 0 0 3 144 -> floor(4 / 2) = 2; of the right -3 and 0 -> floor(-2 / 2) = -1.
  EXPECT_THAT(charges_after<float>(row_noise_method::median, {0, 0, 3 / 16.F, 9, -3 / 16.F, -1, 0, 9}),
              ElementsAre(144 - 2, 144 + 1));
}

TEST(row_noise, negative_mean_rounds_halves_up) {
  // -83 lies in -88 to -81, middle -84: distances 1 1 96 -42, 56 / 4 = 14. Then about 0, -2 -3 96 -96 -2 -2: -9 / 6 = -1.5 ->
  // -1.
  EXPECT_THAT(charges_after<float>(row_noise_method::mean, {-83 / 16.F, -83 / 16.F, 4, -126 / 16.F, 0, 0, 0, 0}),
              ElementsAre(64 + 70));
  EXPECT_THAT(
      charges_after<float>(row_noise_method::mean, {-2 / 16.F, -3 / 16.F, 9, -9, -2 / 16.F, -2 / 16.F, 0, 0, 0, 0, 0, 0}),
      ElementsAre(144 + 1));
}

/// A row whose left half of 100 pixels has 20 ADU in the columns of the sample, 0 to 15 and 80 to 95, and 27 in the others.
u16_frame row_with_another_sample() {
  std::vector<std::uint16_t> pixels(200);
  for (std::size_t x = 0; x < 100; ++x) pixels[x] = x < 16 || (x >= 80 && x < 96) ? 20 : 27;
  pixels[99] = 60;
  u16_frame frame({1, 200}, pixels);
  frame.setup.options = {.method = counting_method::pixels, .row_noise = row_noise_method::mean, .values = event_value::charge};
  return frame;
}

TEST(row_noise, middle_of_the_mean_is_that_of_16_of_80_columns) {
  // Middle 324: 32 distances of -4 and 68 of 96 (of 108 and 636), 6400 / 100. From all charges, 436, it would be 404.
  EXPECT_THAT(row_with_another_sample().count().values, ElementsAre(960 - 388));
}

TEST(row_noise, middle_of_the_mean_is_that_of_all_columns_where_the_sample_has_no_charge) {
  u16_frame frame = row_with_another_sample();
  for (std::size_t x = 0; x < 200; ++x) frame.setup.calibrated.mask.push_back(x < 16 || (x >= 80 && x < 96) ? 1 : 0);
  // Middle 436: 67 distances of -4 and one of 96, -172 / 68 -> -3.
  EXPECT_THAT(frame.count().values, ElementsAre(960 - 433));
}

TEST(row_noise, masked_pixels_take_no_part) {
  u16_frame frame({1, 10}, {2, 3, 0, 2, 90, 0, 0, 0, 0, 0});
  frame.setup.calibrated.mask = {0, mask_hot, mask_dead, 0, 0, 0, 0, 0, 0, 0};
  frame.setup.options = {
      .method = counting_method::pixels, .row_noise = row_noise_method::median, .values = event_value::charge};
  EXPECT_THAT(frame.count().values, ElementsAre((90 - 2) * 16));
}

/// A frame of so many rows of 6 pixels, of which row y has the level `level(y)`, with a hit of 9 ADU in its last row.
template <class Level>
event_batch counted_without_shift(std::uint32_t height, Level level) {
  std::vector<std::uint16_t> pixels;
  for (std::uint32_t y = 0; y < height; ++y) pixels.insert(pixels.end(), 6, static_cast<std::uint16_t>(level(y)));
  pixels.back() = static_cast<std::uint16_t>(pixels.back() + 9);
  u16_frame frame({height, 6}, pixels);
  frame.setup.options = {
      .method = counting_method::pixels, .background = background_method::frame, .values = event_value::charge};
  return frame.count();
}

TEST(shifted_frame, is_the_median_of_the_medians_of_half_rows) {
  // Levels 20 20 24: half-rows 20 20 20 20 24 24 -> 20, and 24 is above the threshold of 3 ADU.
  const event_batch out = counted_without_shift(3, [](std::uint32_t y) { return y == 2 ? 24 : 20; });
  EXPECT_THAT(out.indices, ElementsAre(12, 13, 14, 15, 16, 17));
  EXPECT_THAT(out.values, ElementsAre(64, 64, 64, 64, 64, 64 + 144));
}

TEST(shifted_frame, takes_all_rows_below_128_and_every_second_from_then_on) {
  // Even rows at 20 ADU, odd ones at 10: the median of both is 15, of even rows alone 20.
  const auto level = [](std::uint32_t y) { return y % 2 == 0 ? 20 : 10; };
  EXPECT_EQ(background_row_step(127), 1U);
  EXPECT_EQ(background_row_step(128), 2U);
  EXPECT_EQ(background_row_step(576), 9U);
  EXPECT_THAT(counted_without_shift(126, level).indices, testing::SizeIs(63 * 6 + 1)) << "20 is 5 above the middle of both";
  EXPECT_THAT(counted_without_shift(128, level).values, IsEmpty()) << "10 + 9 is below 20";
}

TEST(shifted_frame, of_half_rows_without_charges_is_that_of_the_others) {
  u16_frame frame({3, 4}, {500, 500, 7, 7, 500, 500, 7, 16, 500, 500, 500, 500});
  frame.setup.calibrated.mask = {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1};
  frame.setup.options = {
      .method = counting_method::pixels, .background = background_method::frame, .values = event_value::charge};
  // Medians 7 and 11.5 ADU: 9.25 between them.
  EXPECT_THAT(frame.count().values, ElementsAre(16 * 16 - 148));
  frame.setup.calibrated.mask.assign(12, 1);
  EXPECT_THAT(frame.count().values, IsEmpty());
}

}  // namespace
