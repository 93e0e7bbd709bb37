// Method peaks, by hand: local maxima with enough charge around them. Pixels without a dark reference: charges are 16 times
// raw.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/counting/small_frame.hpp"

namespace {

using namespace countem;
using testing::ElementsAre;
using testing::IsEmpty;

/// Candidates above 3 ADU, events above `score_adu`.
template <class Pixel>
small_frame<Pixel> peaks(frame_shape shape, std::vector<Pixel> values, double score_adu = 0) {
  small_frame<Pixel> frame(shape, std::move(values));
  frame.setup.options.method = counting_method::peaks;
  frame.setup.calibrated.score16 = score_from_adu(score_adu);
  return frame;
}

/// What all backends of this build make of it.
template <class Pixel>
event_batch count(const small_frame<Pixel>& frame) {
  event_batch expected = frame.count();
  event_batch out;
  cpu::make_counter(frame.setup)->count({&frame.view, 1}, out);
  EXPECT_EQ(out.indices, expected.indices);
  EXPECT_EQ(out.values, expected.values);
  EXPECT_EQ(out.xrays, expected.xrays);
  EXPECT_EQ(out.status, expected.status);
  return expected;
}

TEST(peaks, touching_electrons_are_two_events) {
  const auto frame = peaks<std::uint16_t>({3, 5}, {0, 4, 0, 5, 0,  //
                                                   0, 9, 4, 8, 0,  //
                                                   0, 0, 0, 0, 0});
  EXPECT_THAT(count(frame).indices, ElementsAre(6, 8));
}

TEST(peaks, of_equal_neighbours_the_first_is_the_peak) {
  const auto frame = peaks<std::uint16_t>({3, 4}, {0, 0, 0, 0,  //
                                                   9, 9, 0, 0,  //
                                                   0, 9, 0, 9});
  // 4 beats 5 and 9, which are as great and come later; 11 touches none of them.
  EXPECT_THAT(count(frame).indices, ElementsAre(4, 11));
}

TEST(peaks, chain_of_equals_is_one_event) {
  EXPECT_THAT(count(peaks<std::uint16_t>({1, 5}, {9, 9, 9, 9, 9})).indices, ElementsAre(0));
}

TEST(peaks, score_is_twice_the_peak_and_the_largest_block) {
  // Blocks around 10: up left 1+2+4+10, up right 2+3+10+5, down left 4+10+6+7, down right 10+5+7+8 = 30. Score 20 + 30.
  const std::vector<std::uint16_t> pixels = {1, 2, 3, 4, 10, 5, 6, 7, 8};
  EXPECT_THAT(count(peaks(frame_shape{3, 3}, pixels, 49.9375)).indices, ElementsAre(4));
  EXPECT_THAT(count(peaks(frame_shape{3, 3}, pixels, 50)).indices, IsEmpty());
}

TEST(peaks, charges_below_zero_lower_the_score) {
  const std::vector<std::uint16_t> pixels = {0, 0, 0, 0, 10, 0, 0, 0, 0};
  auto frame = peaks(frame_shape{3, 3}, pixels, 26.9375);
  frame.setup.calibrated.dark16.assign(9, 16);
  // 2 * 9 + 9 - 1 - 1 - 1 = 24
  EXPECT_THAT(count(frame).indices, IsEmpty());
  frame.setup.calibrated.score16 = score_from_adu(23.9375);
  EXPECT_THAT(count(frame).indices, ElementsAre(4));
}

TEST(peaks, neighbour_below_its_own_threshold_can_be_greater) {
  const std::vector<std::uint16_t> pixels = {9, 10};
  auto frame = peaks(frame_shape{1, 2}, pixels);
  frame.setup.calibrated.pixel_background16 = {16 * 8, 16 * 20};
  EXPECT_THAT(count(frame).indices, IsEmpty());
}

TEST(peaks, masked_pixel_beats_nobody_and_counts_nothing) {
  const std::vector<std::uint16_t> pixels = {0, 60'000, 0, 0, 10, 0, 0, 0, 0};
  auto frame = peaks(frame_shape{3, 3}, pixels, 29.9375);
  frame.setup.calibrated.mask = {0, mask_hot, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_THAT(count(frame).indices, ElementsAre(4));
  frame.setup.calibrated.score16 = score_from_adu(30);
  EXPECT_THAT(count(frame).indices, IsEmpty());
}

TEST(peaks, missing_sector_beats_nobody) {
  const std::vector<std::uint16_t> pixels = {0, 10, 60'000, 0};
  auto frame = peaks(frame_shape{4, 1}, pixels);
  frame.view.split = sector_split::rows;
  frame.view.present = 0b1011;
  EXPECT_THAT(count(frame).indices, ElementsAre(1));
}

TEST(peaks, nan_beats_nobody) {
  EXPECT_THAT(count(peaks<float>({1, 3}, {std::nanf(""), 10, std::nanf("")})).indices, ElementsAre(1));
  EXPECT_THAT(count(peaks<float>({1, 2}, {std::numeric_limits<float>::infinity(), 10})).indices, ElementsAre(0));
}

TEST(peaks, xray_peak_is_tallied_and_beats_its_neighbours) {
  auto frame = peaks<std::uint16_t>({1, 7}, {9, 200, 9, 0, 0, 9, 150});
  frame.setup.calibrated.xray16 = 16 * 150;
  const event_batch out = count(frame);
  EXPECT_THAT(out.indices, IsEmpty());
  EXPECT_THAT(out.xrays, ElementsAre(2));
  EXPECT_THAT(out.status, ElementsAre(all_sectors | status_xray));
}

TEST(peaks, xray_pixel_beside_a_greater_one_is_not_tallied) {
  auto frame = peaks<std::uint16_t>({1, 2}, {200, 250});
  frame.setup.calibrated.xray16 = 16 * 150;
  EXPECT_THAT(count(frame).xrays, ElementsAre(1));
}

TEST(peaks, values_are_of_nine_pixels) {
  auto frame = peaks<std::uint16_t>({3, 4}, {1, 2, 3, 50,  //
                                             4, 60, 5, 0,  //
                                             6, 7, 8, 0});
  frame.setup.options.values = event_value::charge;
  event_batch out = count(frame);
  EXPECT_THAT(out.indices, ElementsAre(3, 5));
  EXPECT_THAT(out.values, ElementsAre(16 * (50 + 3 + 5), 16 * (1 + 2 + 3 + 4 + 60 + 5 + 6 + 7 + 8)));
  frame.setup.options.values = event_value::size;
  out = count(frame);
  EXPECT_THAT(out.values, ElementsAre(2, 6));  // hits are above 3
}

TEST(peaks, sum_below_zero_is_a_charge_of_zero) {
  auto frame = peaks<std::uint16_t>({1, 3}, {0, 10, 0});
  frame.setup.calibrated.dark16 = {16 * 100, 0, 0};
  frame.setup.options.values = event_value::charge;
  EXPECT_THAT(count(frame).values, ElementsAre(0));
}

TEST(peaks, direct_neighbours_place_the_event) {
  // Column: D = 10 + 6 + 2 = 18, N = 6 - 2 = 4, floor(4 (18 + 8) / 36) = 2. Row: D = 10 + 5, N = -5, floor(4 (15 - 10) / 30) =
  // 0.
  auto frame = peaks<std::uint16_t>({3, 3}, {0, 5, 0, 2, 10, 6, 0, 0, 0});
  frame.setup.options.upsample = 4;
  EXPECT_THAT(count(frame).indices, ElementsAre(4 * 12 + 4 + 2));
}

TEST(peaks, event_stays_in_the_pixel_of_its_peak) {
  // D = 20, N = 10: 4 (20 + 20) / 40 = 4 cells are one too many. The one below is the same in the other direction, where 0
  // fits.
  auto frame = peaks<std::uint16_t>({1, 2}, {10, 10});
  frame.setup.options.upsample = 4;
  EXPECT_THAT(count(frame).indices, ElementsAre(2 * 8 + 3));
}

TEST(peaks, events_of_a_finer_grid_are_in_order) {
  auto frame = peaks<std::uint16_t>({3, 5}, {0, 0, 0, 9, 0,    //
                                             0, 10, 0, 10, 0,  //
                                             0, 9, 0, 0, 0});
  frame.setup.options.upsample = 4;
  frame.setup.options.values = event_value::size;
  // Right: row N = -9, D = 19: floor(4 (19 - 18) / 38) = 0. Left: row floor(4 (19 + 18) / 38) = 3.
  const event_batch out = count(frame);
  EXPECT_THAT(out.indices, ElementsAre((4 + 0) * 20 + 12 + 2, (4 + 3) * 20 + 4 + 2));
  EXPECT_THAT(out.values, ElementsAre(2, 2));
}

TEST(peaks, refusals) {
  auto frame = peaks<std::uint16_t>({1, 2}, {0, 0});
  frame.setup.options.min_cluster_size = 2;
  expect_refused(frame.setup, "method peaks has no components");
  frame.setup.options.min_cluster_size = 1;
  frame.setup.calibrated.score16.reset();
  expect_refused(frame.setup, "needs a score threshold");
  frame.setup.calibrated.score16 = score_limit + 1;
  expect_refused(frame.setup, "expected 0 to 2^29");
  frame.setup.calibrated.score16 = 0;
  frame.setup.options.method = counting_method::cluster;
  expect_refused(frame.setup, "made for method peaks");
  EXPECT_THROW((void)score_from_adu(-1), invalid_argument);
  EXPECT_THROW((void)score_from_adu(0x1p29), invalid_argument);
  EXPECT_THROW((void)score_from_adu(std::nan("")), invalid_argument);
}

}  // namespace
