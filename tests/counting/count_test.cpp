// The reference counter against numbers worked out by hand from docs/semantics.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <countem/counting.hpp>
#include <countem/error.hpp>

#include "tests/counting/small_frame.hpp"

namespace {

using namespace countem;
using testing::ElementsAre;
using testing::IsEmpty;

using u16_frame = small_frame<std::uint16_t>;

TEST(cluster, single_pixel_is_its_own_event) {
  const u16_frame frame({2, 3}, {0, 0, 0, 0, 9, 0});
  EXPECT_THAT(frame.count().indices, ElementsAre(4));
}

TEST(cluster, threshold_is_strict) {
  EXPECT_THAT(u16_frame({1, 3}, {3, 0, 4}).count().indices, ElementsAre(2));
}

TEST(cluster, threshold_of_a_fraction_of_an_adu_is_exact) {
  u16_frame frame({1, 3}, {3, 0, 4});
  frame.setup.calibrated.background16 = background_from_adu(2.999);  // floor(47.98) = 47 < 48
  EXPECT_THAT(frame.count().indices, ElementsAre(0, 2));
}

TEST(cluster, centroid_is_weighted_by_charge) {
  // S = 10 + 30 = 40, X = 30: (2 * 30 + 40) / 80 = 1.25
  EXPECT_THAT(u16_frame({1, 4}, {10, 30, 0, 0}).count().indices, ElementsAre(1));
  // X = 4: (8 + 34) / 68 = 0.6
  EXPECT_THAT(u16_frame({1, 4}, {30, 4, 0, 0}).count().indices, ElementsAre(0));
}

TEST(cluster, half_way_goes_to_the_higher_pixel) {
  EXPECT_THAT(u16_frame({1, 4}, {0, 10, 10, 0}).count().indices, ElementsAre(2));
  EXPECT_THAT(u16_frame({2, 2}, {10, 10, 10, 10}).count().indices, ElementsAre(3));
}

TEST(cluster, diagonal_pixels_are_one_component) {
  const u16_frame frame({3, 3}, {9, 0, 0, 0, 9, 0, 0, 0, 9});
  EXPECT_THAT(frame.count().indices, ElementsAre(4));
}

TEST(cluster, rows_do_not_wrap_around) {
  EXPECT_THAT(u16_frame({2, 3}, {0, 0, 9, 9, 0, 0}).count().indices, ElementsAre(2, 3));
}

TEST(cluster, two_components_with_one_centroid_are_two_events) {
  // A ring of 16 pixels around a single pixel: both centroids are pixel 12.
  std::vector<std::uint16_t> pixels(25, 9);
  for (const int quiet : {6, 7, 8, 11, 13, 16, 17, 18}) pixels[static_cast<std::size_t>(quiet)] = 0;
  u16_frame frame({5, 5}, pixels);
  frame.setup.options.values = event_value::size;
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(12, 12));
  EXPECT_THAT(out.values, ElementsAre(1, 16)) << "ties are sorted by value";
}

TEST(cluster, whole_frame_is_one_event) {
  const u16_frame frame({7, 9}, std::vector<std::uint16_t>(63, 1000));
  EXPECT_THAT(frame.count().indices, ElementsAre(3 * 9 + 4));
}

TEST(cluster, events_are_sorted_by_index_not_by_first_pixel) {
  // The component that starts first, at (0, 3), has its centroid below the other's.
  const u16_frame frame({4, 4}, {0, 0, 0, 4,   //
                                 9, 0, 0, 4,   //
                                 0, 0, 0, 90,  //
                                 0, 0, 0, 90});
  EXPECT_THAT(frame.count().indices, ElementsAre(4, 2 * 4 + 3));
}

TEST(cluster, component_with_an_xray_pixel_is_rejected_whole) {
  u16_frame frame({1, 6}, {500, 10, 0, 0, 9, 0});
  frame.setup.calibrated.xray16 = xray_from_adu(500);
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(4));
  EXPECT_THAT(out.xrays, ElementsAre(1));
  EXPECT_THAT(out.status, ElementsAre(all_sectors | status_xray));
  frame.setup.calibrated.xray16 = xray_from_adu(500.01);
  EXPECT_THAT(frame.count().indices, ElementsAre(0, 4));
}

TEST(cluster, size_limits) {
  u16_frame frame({1, 9}, {9, 0, 9, 9, 0, 9, 9, 9, 0});
  frame.setup.options.min_cluster_size = 2;
  EXPECT_THAT(frame.count().indices, ElementsAre(3, 6));
  frame.setup.options.max_cluster_size = 2;
  EXPECT_THAT(frame.count().indices, ElementsAre(3));
}

TEST(cluster, values) {
  u16_frame frame({1, 6}, {5, 6, 0, 0, 9, 0});
  frame.setup.options.values = event_value::charge;
  EXPECT_THAT(frame.count().values, ElementsAre(16 * 11, 16 * 9));
  frame.setup.options.values = event_value::size;
  EXPECT_THAT(frame.count().values, ElementsAre(2, 1));
}

TEST(cluster, charge_value_saturates) {
  small_frame<std::uint32_t> frame({1, 8}, std::vector<std::uint32_t>(8, 0xffff'ffff));  // each clamps to 2^30
  frame.setup.options.values = event_value::charge;
  EXPECT_THAT(frame.count().values, ElementsAre(0xffff'ffff));
}

TEST(cluster, upsampled_centroid) {
  u16_frame frame({1, 4}, {10, 30, 0, 0});  // column 0.75 + 0.5 = 1.25 from the edge
  frame.setup.options.upsample = 4;
  const event_batch out = frame.count();
  // row 0.5 * 4 = 2, column 1.25 * 4 = 5, 16 columns
  EXPECT_THAT(out.indices, ElementsAre(2 * 16 + 5));
  EXPECT_EQ(event_grid(frame.setup), (frame_shape{4, 16}));
}

TEST(cluster, sums_beyond_64_bits_stay_exact) {
  // 2^30 each: X = 2^30 * sum of columns; 2 X k does not fit 64 bits for wide frames with upsampling, here just large.
  small_frame<std::uint32_t> frame({1, 60'000}, std::vector<std::uint32_t>(60'000, 0xffff'ffff));
  frame.setup.options.upsample = 64;
  EXPECT_THAT(frame.count().indices, ElementsAre(32u * 64u * 60'000u + 30'000u * 64u));
}

TEST(charge, dark_is_subtracted_with_sign) {
  u16_frame frame({1, 3}, {10, 10, 10});
  frame.setup.calibrated.dark16 = {16 * 5, 16 * 50, 16 * 10};
  EXPECT_THAT(frame.count().indices, ElementsAre(0));
}

TEST(charge, gain_is_one_rounded_float_product) {
  u16_frame frame({1, 3}, {4, 4, 4});                       // 64 units; threshold 48
  frame.setup.calibrated.gain = {0.75F, 0.7579F, 0.7655F};  // 48, 48.5056 -> 49, 48.99 -> 49
  frame.setup.options.method = counting_method::pixels;
  frame.setup.options.values = event_value::charge;
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(1, 2));
  EXPECT_THAT(out.values, ElementsAre(49, 49));
}

TEST(charge, rounds_half_to_even) {
  small_frame<float> frame({1, 4}, {4.03125F, 4.09375F, 4.15625F, -4.0F});  // 64.5, 65.5, 66.5
  frame.setup.options.method = counting_method::pixels;
  frame.setup.options.values = event_value::charge;
  EXPECT_THAT(frame.count().values, ElementsAre(64, 66, 66));
}

TEST(charge, gain_that_is_no_number_masks) {
  u16_frame frame({1, 4}, {9, 9, 0, 9});
  frame.setup.calibrated.gain = {1, std::numeric_limits<float>::quiet_NaN(), 1, std::numeric_limits<float>::infinity()};
  EXPECT_THAT(frame.count().indices, ElementsAre(0));
}

TEST(charge, masked_pixels_split_components) {
  u16_frame frame({1, 5}, {9, 9, 9, 9, 9});
  frame.setup.calibrated.mask = {0, 0, mask_hot, 0, 0};
  EXPECT_THAT(frame.count().indices, ElementsAre(1, 4));
}

TEST(charge, float_specials) {
  small_frame<float> frame(
      {1, 5}, {std::nanf(""), 0, std::numeric_limits<float>::infinity(), 0, -std::numeric_limits<float>::infinity()});
  frame.setup.options.method = counting_method::pixels;
  frame.setup.options.values = event_value::charge;
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(2));
  EXPECT_THAT(out.values, ElementsAre(charge_limit));
}

TEST(charge, per_pixel_thresholds) {
  u16_frame frame({1, 4}, {5, 5, 5, 5});
  frame.setup.calibrated.pixel_background16 = {16 * 4, 16 * 5, 16 * 6, 79};
  frame.setup.options.method = counting_method::pixels;
  EXPECT_THAT(frame.count().indices, ElementsAre(0, 3));
}

TEST(charge, bytes) {
  const small_frame<std::uint8_t> frame({1, 3}, {0, 255, 0});
  EXPECT_THAT(frame.count().indices, ElementsAre(1));
}

TEST(sectors, missing_rows_have_no_hits) {
  u16_frame frame({4, 2}, {9, 0, 9, 0, 9, 0, 9, 0});
  frame.view.split = sector_split::rows;
  frame.view.present = 0b1101;
  EXPECT_THAT(frame.count().indices, ElementsAre(0, 6)) << "rows 2 and 3 join: (2.5 rounds up to row 3)";
  EXPECT_THAT(frame.count().status, ElementsAre(0b1101));
}

TEST(sectors, missing_columns_have_no_hits) {
  u16_frame frame({1, 4}, {9, 9, 9, 9});
  frame.view.split = sector_split::columns;
  frame.view.present = 0b1011;
  frame.view.truncated = true;
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(1, 3));
  EXPECT_THAT(out.status, ElementsAre(0b1011 | status_truncated));
}

TEST(sectors, bands_are_read_where_they_lie) {
  const std::vector<std::uint16_t> top{0, 9};
  const std::vector<std::uint16_t> bottom{9, 0};
  u16_frame frame({2, 2}, {0, 0, 0, 0});
  frame.view.band_count = 2;
  frame.view.bands = {reinterpret_cast<const std::byte*>(top.data()), reinterpret_cast<const std::byte*>(bottom.data())};
  EXPECT_THAT(frame.count().indices, ElementsAre(3)) << "(0, 1) and (1, 0) touch";
}

TEST(sectors, frame_that_never_arrived_has_no_events) {
  u16_frame frame({1, 2}, {9, 9});
  frame.view.present = 0;
  frame.view.bands = {};
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, IsEmpty());
  EXPECT_THAT(out.indptr, ElementsAre(0, 0));
  EXPECT_THAT(out.status, ElementsAre(0));
}

TEST(maximum, strictly_greater_than_all_neighbours) {
  u16_frame frame({3, 5}, {5, 9, 5, 0, 7,  //
                           0, 0, 0, 0, 7,  //
                           8, 0, 6, 0, 0});
  frame.setup.options.method = counting_method::maximum;
  EXPECT_THAT(frame.count().indices, ElementsAre(1, 10, 12)) << "the plateau of two sevens gives nothing";
}

TEST(maximum, rejected_pixels_compare_as_zero) {
  u16_frame frame({1, 4}, {900, 9, 3, 0});
  frame.setup.options.method = counting_method::maximum;
  frame.setup.calibrated.xray16 = xray_from_adu(100);
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(1)) << "the X-ray beside it counts as 0";
  EXPECT_THAT(out.xrays, ElementsAre(1));
}

TEST(pixels, every_hit_is_an_event) {
  u16_frame frame({1, 4}, {900, 9, 3, 4});
  frame.setup.options.method = counting_method::pixels;
  frame.setup.options.values = event_value::charge;
  frame.setup.calibrated.xray16 = xray_from_adu(100);
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(0, 1, 3));
  EXPECT_THAT(out.values, ElementsAre(14'400, 144, 64));
  EXPECT_THAT(out.xrays, ElementsAre(1));
}

TEST(batch, csr_of_several_frames) {
  const u16_frame a({1, 3}, {9, 0, 9});
  const u16_frame b({1, 3}, {0, 0, 0});
  const u16_frame c({1, 3}, {0, 9, 0});
  const std::vector<frame_view> frames{a.view, b.view, c.view};
  event_batch out;
  reference::make_counter(a.setup)->count(frames, out);
  EXPECT_THAT(out.indptr, ElementsAre(0, 2, 2, 3));
  EXPECT_THAT(out.indices, ElementsAre(0, 2, 1));
  EXPECT_THAT(out.events(2), ElementsAre(1));
}

TEST(refusals, contradictions_are_named) {
  counting_setup good{{2, 2}, pixel_type::u16, {}, {}};
  good.calibrated.shape = {2, 2};
  good.calibrated.background16 = 48;
  counting_setup bad = good;
  bad.shape = {0, 5};
  expect_refused(bad, "0 x 5");
  bad = good;
  bad.shape = {65'536, 65'536};
  expect_refused(bad, "2^32 - 1");
  bad = good;
  bad.calibrated.xray16 = 48;
  expect_refused(bad, "not above the background threshold");
  bad = good;
  bad.calibrated.dark16.assign(3, 0);
  expect_refused(bad, "dark reference holds 3 pixels");
  bad = good;
  bad.calibrated.shape = {1, 4};
  bad.calibrated.dark16.assign(4, 0);
  expect_refused(bad, "1 x 4");
  bad = good;
  bad.options.upsample = 0;
  expect_refused(bad, "upsample 0");
  bad = good;
  bad.options.upsample = 2;
  bad.options.method = counting_method::maximum;
  expect_refused(bad, "method cluster");
  bad = good;
  bad.options.row_noise = row_noise_method::median;
  bad.options.background = background_method::frame;
  expect_refused(bad, "cannot both be subtracted");
  bad = good;
  bad.options.min_cluster_size = 3;
  bad.options.max_cluster_size = 2;
  expect_refused(bad, "smallest cluster size");
  bad = good;
  bad.shape = bad.calibrated.shape = {4096, 32'768};
  bad.options.upsample = 8;
  expect_refused(bad, "event grid");
}

TEST(thresholds, adu_to_sixteenths) {
  EXPECT_EQ(background_from_adu(0), 0);
  EXPECT_EQ(background_from_adu(3.99), 63);
  EXPECT_EQ(xray_from_adu(3.99), 64);
  EXPECT_EQ(xray_from_adu(std::numeric_limits<double>::infinity()), no_xray_threshold);
  EXPECT_THROW((void)background_from_adu(-0.1), invalid_argument);
  EXPECT_THROW((void)background_from_adu(std::nan("")), invalid_argument);
  EXPECT_THROW((void)background_from_adu(1e9), invalid_argument);
  EXPECT_THROW((void)xray_from_adu(0), invalid_argument);
  EXPECT_THROW((void)xray_from_adu(std::nan("")), invalid_argument);
}

}  // namespace
