#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

namespace {

using namespace countem;
using testing::ElementsAre;

TEST(weights_limits, a_power_of_two_fills_thirty_bits) {
  const std::vector<float> halves{0.5F, -0.25F};
  EXPECT_THAT(make_weights(halves, {1, 2}).weights, ElementsAre(1 << 29, -(1 << 28))) << "below 1 as above";
  const std::vector<float> fours{-4, 1};
  EXPECT_THAT(make_weights(fours, {1, 2}).weights, ElementsAre(-(1 << 29), 1 << 27));
  EXPECT_EQ(make_weights(fours, {1, 2}).unit, 0x1p-27);
}

TEST(weights_limits, without_any_weight_the_unit_is_one) {
  const std::vector<float> nothing{0, 0};
  EXPECT_EQ(make_weights(nothing, {1, 2}).unit, 1);
  EXPECT_THAT(make_weights(nothing, {1, 2}).weights, ElementsAre(0, 0));
  EXPECT_THROW((void)make_weights(nothing, {1, 3}), invalid_argument);
  const std::vector<float> endless{0, std::numeric_limits<float>::infinity()};
  EXPECT_THROW((void)make_weights(endless, {1, 2}), invalid_argument);
}

/// All events in the last corner, as many as are allowed: the largest sum there can be.
TEST(second_moment_limits, the_bound_is_the_last_that_fits) {
  EXPECT_EQ(most_second_order_events({576, 576}), 55'793'554'854'320U);
  EXPECT_EQ(most_second_order_events({65536, 65535}), 4'295'098'371U);
  EXPECT_EQ(most_second_order_events({4'294'967'295, 1}), 1U);
  EXPECT_EQ(most_second_order_events({1, 1}), std::numeric_limits<std::uint64_t>::max());
  for (const std::uint64_t side : {576U, 65536U, 4'294'967'295U}) {
    const std::uint64_t most = most_second_order_events({static_cast<std::uint32_t>(side), 1});
    const std::uint64_t square = (side - 1) * (side - 1);
    EXPECT_LE(most, std::numeric_limits<std::uint64_t>::max() / square);
    EXPECT_GT(most + 1, std::numeric_limits<std::uint64_t>::max() / square);
  }
}

TEST(second_moment_limits, more_events_are_refused_and_none_is_added) {
  const frame_shape shape{576, 576};
  const std::uint64_t most = most_second_order_events(shape);
  event_second_moments sums{{most - 1, 1, 2}, 3, 4, 5};
  const event_second_moments before = sums;
  EXPECT_THROW(add_moments(sums, {{2, 0, 0}, 0, 0, 0}, shape), invalid_argument);
  EXPECT_THROW(add_moments(sums, {{most + 1, 0, 0}, 0, 0, 0}, shape), invalid_argument);
  EXPECT_EQ(sums, before);
  add_moments(sums, {{1, 10, 20}, 30, 40, 50}, shape);
  EXPECT_EQ(sums, (event_second_moments{{most, 11, 22}, 33, 44, 55}));
}

/// Events in one far pixel have no scatter: in floating point the difference of the large sums would not be 0.
TEST(second_moment_limits, the_covariance_does_not_cancel) {
  const std::uint64_t n = 3'000'000'007;
  const std::uint64_t r = 65'521;
  const std::uint64_t c = 65'519;
  const place_covariance none = covariance_of({{n, n * r, n * c}, n * r * r, n * r * c, n * c * c});
  EXPECT_EQ(none.row_row, 0);
  EXPECT_EQ(none.row_column, 0);
  EXPECT_EQ(none.column_column, 0);
  // One of them a row further: variance (1 / n) (1 - 1 / n) n / (n - 1) = 1 / n.
  const place_covariance one = covariance_of({{n, n * r + 1, n * c}, n * r * r + 2 * r + 1, n * r * c + c, n * c * c});
  EXPECT_DOUBLE_EQ(one.row_row, 1.0 / static_cast<double>(n));
  EXPECT_EQ(one.row_column, 0);
}

TEST(ring_limits, a_distance_of_so_many_steps_begins_the_next_ring) {
  const ring_map map = make_rings({1, 6}, {0, 0}, 2, 2);
  EXPECT_THAT(map.ring, ElementsAre(0, 0, 1, 1, ring_map::outside, ring_map::outside));
  EXPECT_THAT(map.pixels, ElementsAre(2U, 2U));
}

TEST(ring_limits, as_many_as_the_farthest_corner_needs) {
  EXPECT_EQ(make_rings({4, 5}, {0, 0}).rings, 6U) << "distance 5";
  EXPECT_EQ(make_rings({4, 5}, {3, 4}).rings, 6U) << "from the other corner";
  EXPECT_EQ(make_rings({1, 5}, {0, 2}).rings, 3U);
  EXPECT_EQ(make_rings({1, 1}, {0, 0}).rings, 1U);
}

TEST(ring_limits, at_most_65535) {
  EXPECT_EQ(make_rings({1, 1}, {0, 0}, 1, 65535).rings, 65535U);
  EXPECT_THROW((void)make_rings({1, 1}, {0, 0}, 1, 65536), invalid_argument);
  EXPECT_THROW((void)make_rings({1, 1}, {0, 0}, 0), invalid_argument) << "a step of nothing";
  EXPECT_THROW((void)make_rings({1, 1}, {0, 0}, -1), invalid_argument);
  EXPECT_THROW((void)make_rings({1, 1}, {0, 0}, std::numeric_limits<double>::infinity()), invalid_argument);
  EXPECT_THROW((void)make_rings({1, 1}, {std::numeric_limits<double>::quiet_NaN(), 0}), invalid_argument);
  EXPECT_THROW((void)make_rings({1, 1}, {0, std::numeric_limits<double>::quiet_NaN()}), invalid_argument);
}

TEST(detector_limits, what_is_written_is_what_is_meant) {
  const virtual_detector disk = parse_detector("disk:2.5@3,-4");
  EXPECT_EQ(disk.name, "disk:2.5@3,-4");
  EXPECT_EQ(disk.inner, 0);
  EXPECT_EQ(disk.outer, 2.5);
  ASSERT_TRUE(disk.centre.has_value());
  EXPECT_EQ(*disk.centre, (detector_point{3, -4}));
  const virtual_detector wedge = parse_detector("wedge:1,2,-30,45");
  EXPECT_FALSE(wedge.centre.has_value());
  EXPECT_EQ(wedge.inner, 1);
  EXPECT_EQ(wedge.outer, 2);
  EXPECT_EQ(wedge.from_degrees, -30);
  EXPECT_EQ(wedge.to_degrees, 45);
  const virtual_detector angles = parse_detector("annulus:10,60.5mrad@1,2");
  EXPECT_TRUE(angles.in_mrad);
  EXPECT_EQ(angles.inner, 10);
  EXPECT_EQ(angles.outer, 60.5);
  EXPECT_TRUE(parse_detector("annulus:10mrad,60").in_mrad);
  EXPECT_FALSE(disk.in_mrad);
  EXPECT_EQ(in_pixels(angles, 0.5).outer, 121);
  EXPECT_FALSE(in_pixels(angles, 0.5).in_mrad);
  EXPECT_EQ(in_pixels(disk, 0).outer, 2.5);
  EXPECT_THROW((void)in_pixels(angles, 0), invalid_argument);
  for (const char* wrong :
       {"disk:mrad",    "disk:2 mrad",  "disk:2mradmrad", "disk:2@3mrad,4",  "wedge:1,2,3mrad,4", "disk:2rad",
        "disk",         "disk:",        "disk:1,2",       "disk:0",          "annulus:2",         "annulus:2,2",
        "annulus:2,1",  "annulus:-1,2", "wedge:1,2,3",    "wedge:1,2,30,30", "wedge:1,2,40,30",   "disk:2@3",
        "disk:2@3,4,5", "disk:2x",      "disk:nan",       "disk:inf",        "disk:2@inf,3",      "ring:1,2",
        "annulus:1,,2"}) {
    EXPECT_THROW((void)parse_detector(wrong), invalid_argument) << wrong;
  }
}

std::vector<bool> pixels_in(const detector_masks& masks) {
  std::vector<bool> inside;
  for (std::uint64_t pixel = 0; pixel < masks.shape.pixels(); ++pixel) inside.push_back(masks.contains(0, pixel));
  return inside;
}

TEST(detector_limits, the_inner_radius_belongs_to_it_and_the_outer_does_not) {
  const std::vector<virtual_detector> annulus{parse_detector("annulus:1,3")};
  const detector_masks masks = make_masks(annulus, {1, 5}, {0, 0});
  EXPECT_THAT(pixels_in(masks), ElementsAre(false, true, true, false, false));
  ASSERT_TRUE(masks.arithmetic[0].has_value());
  EXPECT_EQ(masks.arithmetic[0]->inner, 1);
  EXPECT_GT(masks.arithmetic[0]->outer, 4);
  EXPECT_LE(masks.arithmetic[0]->outer, 9);
}

TEST(detector_limits, the_first_angle_belongs_to_it_and_the_last_does_not) {
  // Around the middle of 3 x 3: 0 degrees is the right, 90 the top.
  const std::vector<virtual_detector> quarter{parse_detector("wedge:1,2,0,90")};
  const detector_masks masks = make_masks(quarter, {3, 3}, {1, 1});
  EXPECT_THAT(pixels_in(masks), ElementsAre(false, false, true, false, false, true, false, false, false));
  EXPECT_FALSE(masks.arithmetic[0].has_value()) << "no distance separates it from the rest";
  EXPECT_EQ(masks.rows[0].first, 0U);
  EXPECT_EQ(masks.rows[0].end, 2U);
  const std::vector<virtual_detector> whole{parse_detector("wedge:1,2,-180,180")};
  EXPECT_THAT(pixels_in(make_masks(whole, {3, 3}, {1, 1})), ElementsAre(true, true, true, true, false, true, true, true, true));
}

TEST(detector_limits, rows_of_a_detector_that_no_pixel_is_in) {
  const std::vector<virtual_detector> nowhere{parse_detector("disk:1@50,50")};
  const detector_masks masks = make_masks(nowhere, {3, 3}, {1, 1});
  EXPECT_EQ(masks.rows[0].first, 0U);
  EXPECT_EQ(masks.rows[0].end, 0U);
}

TEST(detector_limits, each_detector_beyond_a_group_has_its_own_bit) {
  std::vector<virtual_detector> many;
  for (std::size_t d = 0; d <= detector_masks::per_group; ++d) {
    many.push_back(parse_detector("disk:0.5@0," + std::to_string(d)));
  }
  const detector_masks masks = make_masks(many, {1, 16}, {0, 0});
  EXPECT_EQ(masks.groups.size(), 2U);
  for (std::size_t d = 0; d < many.size(); ++d) {
    for (std::uint64_t pixel = 0; pixel < 16; ++pixel) EXPECT_EQ(masks.contains(d, pixel), pixel == d) << d << " " << pixel;
  }
}

TEST(event_limits, what_a_batch_may_hold) {
  const std::vector<std::uint32_t> indices{0, 3, 3, 5};
  const std::vector<std::uint64_t> indptr{0, 0, 4};
  event_view events;
  events.shape = {2, 3};
  events.indptr = indptr;
  events.indices = indices;
  EXPECT_NO_THROW(validate(events));
  events.shape = {1, 5};
  EXPECT_THROW(validate(events), invalid_argument) << "index 5 of 5 pixels";
  events.shape = {2, 3};
  const std::vector<std::uint64_t> beyond{0, 5};
  events.indptr = beyond;
  EXPECT_THROW(validate(events), invalid_argument);
  const std::vector<std::uint64_t> descending{0, 3, 2};
  events.indptr = descending;
  EXPECT_THROW(validate(events), invalid_argument);
  events.indptr = {};
  EXPECT_THROW(validate(events), invalid_argument);
  const std::vector<std::uint32_t> unsorted{0, 3, 2, 5};
  events.indptr = indptr;
  events.indices = unsorted;
  EXPECT_THROW(validate(events), invalid_argument);
  events.indices = indices;
  events.shape = {65536, 65536};
  EXPECT_THROW(validate(events), invalid_argument) << "2^32 pixels";
  events.shape = {65535, 65537};
  EXPECT_NO_THROW(validate(events));
}

}  // namespace
