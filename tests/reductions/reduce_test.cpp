// The reference by hand on tiny scans.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "host/cli/bench/baselines/encodings.hpp"
#include "tests/reductions/batch_of.hpp"

namespace {

using namespace countem;
using testing::ElementsAre;

/// Three frames of 3 x 4 pixels: one event twice and two others; none; one in the last corner.
struct by_hand : testing::Test {
  frame_shape shape{3, 4};
  event_batch batch = batch_of({{1, 6, 6, 8}, {}, {11}});
  std::unique_ptr<event_reducer> reducer = reference::make_reducer();
  by_hand() { reducer->load(view_of(batch, shape)); }
};

TEST_F(by_hand, counts) {
  std::vector<std::uint32_t> out(3, 99);
  reducer->counts(out);
  EXPECT_THAT(out, ElementsAre(4, 0, 1));
}

TEST_F(by_hand, sum_adds_to_what_is_there) {
  std::vector<std::uint64_t> image(12, 100);
  reducer->add_sum(image);
  EXPECT_THAT(image, ElementsAre(100, 101, 100, 100, 100, 100, 102, 100, 101, 100, 100, 101));
}

TEST_F(by_hand, maximum_keeps_the_larger) {
  std::vector<std::uint32_t> image(12, 0);
  image[1] = 5;
  reducer->raise_maximum(image);
  EXPECT_THAT(image, ElementsAre(0, 5, 0, 0, 0, 0, 2, 0, 1, 0, 0, 1));
}

TEST_F(by_hand, detectors) {
  const std::vector<virtual_detector> detectors{parse_detector("disk:1.5@1,2"), parse_detector("annulus:1,2@1,2")};
  std::vector<std::uint32_t> out(6, 99);
  reducer->virtual_counts(make_masks(detectors, shape, {}), out);
  // Around (1, 2): index 1 = (0, 1) at sqrt 2, 6 = (1, 2) at 0, 8 = (2, 0) at sqrt 5, 11 = (2, 3) at sqrt 2.
  EXPECT_THAT(out, ElementsAre(3, 0, 1, 1, 0, 1));
}

TEST_F(by_hand, weights) {
  std::vector<float> weights(12);
  std::iota(weights.begin(), weights.end(), -6.5F);
  const weight_image image = make_weights(weights, shape);
  std::vector<std::int64_t> out(3, 99);
  reducer->weighted_counts(image, out);
  EXPECT_EQ(static_cast<double>(out[0]) * image.unit, -5.5 - 0.5 - 0.5 + 1.5);
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(static_cast<double>(out[2]) * image.unit, 4.5);
}

TEST_F(by_hand, moments_and_centre_of_mass) {
  std::vector<event_moments> out(3, {9, 9, 9});
  reducer->moments(out);
  EXPECT_EQ(out[0], (event_moments{4, 0 + 1 + 1 + 2, 1 + 2 + 2 + 0}));
  EXPECT_EQ(out[1], (event_moments{}));
  EXPECT_EQ(centre_of_mass(out[0]), (detector_point{1.0, 1.25}));
  EXPECT_TRUE(std::isnan(centre_of_mass(out[1]).row));
  EXPECT_TRUE(std::isnan(centre_of_mass(out[1]).column));
}

/// Places (0, 1), (1, 2), (1, 2), (2, 0), and (2, 3).
TEST_F(by_hand, second_moments) {
  std::vector<event_second_moments> out(3, {{9, 9, 9}, 9, 9, 9});
  reducer->second_moments(out);
  EXPECT_EQ(out[0], (event_second_moments{{4, 4, 5}, 0 + 1 + 1 + 4, 0 + 2 + 2 + 0, 1 + 4 + 4 + 0}));
  EXPECT_EQ(out[1], (event_second_moments{}));
  EXPECT_EQ(out[2], (event_second_moments{{1, 2, 3}, 4, 6, 9}));
}

TEST_F(by_hand, second_moments_within_a_detector) {
  std::vector<event_second_moments> out(3, {{9, 9, 9}, 9, 9, 9});
  const std::vector<virtual_detector> disk{parse_detector("disk:1.5@1,2")};  // without (2, 0)
  const detector_masks aperture = make_masks(disk, shape, {});
  reducer->second_moments(aperture, out);
  EXPECT_EQ(out[0], (event_second_moments{{3, 2, 5}, 2, 4, 9}));
  EXPECT_EQ(out[1], (event_second_moments{}));
  EXPECT_EQ(out[2], (event_second_moments{{1, 2, 3}, 4, 6, 9}));
  const std::vector<virtual_detector> two{disk[0], disk[0]};
  EXPECT_THROW(reducer->second_moments(make_masks(two, shape, {}), out), invalid_argument);
  EXPECT_THROW(reducer->second_moments(make_masks(disk, {4, 3}, {}), out), invalid_argument);
}

/// Rows 0, 1, 1, 2 and columns 1, 2, 2, 0: means 1 and 5/4; sums of squares about them 2 and 11/4, of products -1.
TEST_F(by_hand, covariance) {
  std::vector<event_second_moments> out(3);
  reducer->second_moments(out);
  const place_covariance of_events = covariance_of(out[0]);
  EXPECT_DOUBLE_EQ(of_events.row_row, 2.0 / 3);
  EXPECT_DOUBLE_EQ(of_events.row_column, -1.0 / 3);
  EXPECT_DOUBLE_EQ(of_events.column_column, 2.75 / 3);
  const place_covariance of_centre = centre_covariance(out[0]);
  EXPECT_DOUBLE_EQ(of_centre.row_row, 2.0 / 12);
  EXPECT_DOUBLE_EQ(of_centre.row_column, -1.0 / 12);
  EXPECT_DOUBLE_EQ(of_centre.column_column, 2.75 / 12);
  for (const event_second_moments& too_few : {out[1], out[2]}) {
    EXPECT_TRUE(std::isnan(covariance_of(too_few).row_row));
    EXPECT_TRUE(std::isnan(centre_covariance(too_few).row_column));
  }
}

TEST_F(by_hand, radial) {
  const ring_map rings = make_rings(shape, {1, 2}, 1, 2);
  EXPECT_THAT(rings.pixels, ElementsAre(1, 8));  // the centre; the eight around it; the column at distance 2 is outside
  std::vector<std::uint32_t> out(6, 99);
  reducer->radial_counts(rings, out);
  EXPECT_THAT(out, ElementsAre(2, 1, 0, 0, 0, 1));
}

TEST_F(by_hand, bin_covers_the_incomplete_edge) {
  event_batch out;
  reducer->bin(2, out);
  EXPECT_EQ(binned(shape, 2), (frame_shape{2, 2}));
  EXPECT_THAT(out.indices, ElementsAre(0, 1, 1, 2, 3));
  EXPECT_THAT(out.indptr, ElementsAre(0, 4, 4, 5));
}

TEST_F(by_hand, crop) {
  event_batch out;
  reducer->crop({1, 2, {2, 2}}, out);
  EXPECT_THAT(out.indices, ElementsAre(0, 0, 3));
  EXPECT_THAT(out.indptr, ElementsAre(0, 2, 2, 3));
}

TEST_F(by_hand, a_slice_of_the_scan) {
  event_view slice = view_of(batch, shape);
  slice.indptr = slice.indptr.subspan(2);
  reducer->load(slice);
  std::vector<std::uint64_t> image(12, 0);
  reducer->add_sum(image);
  EXPECT_EQ(std::accumulate(image.begin(), image.end(), std::uint64_t{0}), 1U);
  EXPECT_EQ(image[11], 1U);
}

TEST(encodings, run_length_by_hand) {
  const event_batch batch = batch_of({{3, 4, 5, 5, 6, 9}, {}, {0}, {1}});
  const auto encoded = baselines::encode_run_length(view_of(batch, {2, 5}));
  EXPECT_THAT(encoded.indptr, ElementsAre(0, 3, 3, 4, 5));
  std::vector<std::uint32_t> numbers;
  for (const auto& run : encoded.runs) numbers.insert(numbers.end(), {run.first, run.length});
  EXPECT_THAT(numbers, ElementsAre(3, 3, 5, 2, 9, 1, 0, 1, 1, 1));
}

TEST(encodings, what_was_encoded_is_decoded) {
  const event_batch batch = batch_of({{3, 4, 5, 5, 6, 9}, {}, {0}, {1, 1, 1}, {9}});
  event_batch decoded;
  baselines::decode(baselines::encode_run_length(view_of(batch, {2, 5})), decoded);
  EXPECT_EQ(decoded.indptr, batch.indptr);
  EXPECT_EQ(decoded.indices, batch.indices);
  const baselines::dense_frames dense = baselines::encode_dense(view_of(batch, {2, 5}));
  EXPECT_THAT(dense.frame(0), ElementsAre(0, 0, 0, 1, 1, 2, 1, 0, 0, 1));
  baselines::decode(dense, decoded);
  EXPECT_EQ(decoded.indptr, batch.indptr);
  EXPECT_EQ(decoded.indices, batch.indices);
}

TEST(encodings, dense_frames_refuse_what_they_cannot_hold) {
  event_batch crowded = batch_of({std::vector<std::uint32_t>(65535, 1)});
  EXPECT_EQ(baselines::encode_dense(view_of(crowded, {1, 2})).frame(0)[1], 65535);
  crowded.indices.push_back(1);
  ++crowded.indptr.back();
  EXPECT_THROW(static_cast<void>(baselines::encode_dense(view_of(crowded, {1, 2}))), invalid_argument);
}

TEST(detectors, annulus_takes_its_inner_edge_and_not_its_outer) {
  const std::vector<virtual_detector> detectors{parse_detector("annulus:1,2@0,2")};
  const detector_masks masks = make_masks(detectors, {1, 5}, {});
  std::vector<bool> inside;
  for (std::uint64_t p = 0; p < 5; ++p) inside.push_back(masks.contains(0, p));
  EXPECT_THAT(inside, ElementsAre(false, true, false, true, false));
}

TEST(detectors, wedge_angles_turn_from_higher_columns_to_lower_rows) {
  const std::vector<virtual_detector> detectors{parse_detector("wedge:0.5,9,45,135"), parse_detector("wedge:0.5,9,-45,45")};
  const detector_masks masks = make_masks(detectors, {3, 3}, {1, 1});
  EXPECT_TRUE(masks.contains(0, 1));   // above the centre: 90 degrees
  EXPECT_FALSE(masks.contains(0, 7));  // below
  EXPECT_TRUE(masks.contains(1, 5));   // to the right: 0 degrees
  EXPECT_FALSE(masks.contains(1, 3));
}

TEST(detectors, what_makes_no_sense_is_refused) {
  for (const char* text : {"", "annulus", "annulus:1", "annulus:2,1", "disk:x", "disk:nan", "disk:-1", "ring:1,2", "disk:3@1",
                           "wedge:1,2,3", "wedge:1,2,90,0", "disk:3@1,2,3"}) {
    EXPECT_THROW(static_cast<void>(parse_detector(text)), invalid_argument) << text;
  }
  virtual_detector wrong_size;
  wrong_size.mask.assign(5, 1);
  EXPECT_THROW(static_cast<void>(make_masks(std::vector{wrong_size}, {2, 2}, {})), invalid_argument);
  EXPECT_THROW(static_cast<void>(make_rings({2, 2}, {0, 0}, 0)), invalid_argument);
  EXPECT_THROW(static_cast<void>(make_weights(std::vector<float>(3), {2, 2})), invalid_argument);
  EXPECT_THROW(static_cast<void>(make_weights(std::vector<float>{1, NAN}, {1, 2})), invalid_argument);
}

TEST(events, damaged_events_are_refused) {
  const auto reducer = reference::make_reducer();
  event_batch unsorted = batch_of({{3, 1}});
  EXPECT_THROW(reducer->load(view_of(unsorted, {2, 2})), invalid_argument);
  event_batch outside = batch_of({{4}});
  EXPECT_THROW(reducer->load(view_of(outside, {2, 2})), invalid_argument);
  event_batch beyond = batch_of({{1}});
  beyond.indptr.back() = 2;
  EXPECT_THROW(reducer->load(view_of(beyond, {2, 2})), invalid_argument);
  event_batch good = batch_of({{1}});
  reducer->load(view_of(good, {2, 2}));
  std::vector<std::uint32_t> short_output;
  EXPECT_THROW(reducer->counts(short_output), invalid_argument);
  event_batch out;
  EXPECT_THROW(reducer->bin(0, out), invalid_argument);
  EXPECT_THROW(reducer->crop({1, 0, {2, 2}}, out), invalid_argument);
}

/// What is wrong with a batch, in the words of a reducer.
std::string refusal_of(event_reducer& reducer, const event_batch& batch, frame_shape shape) {
  try {
    reducer.load(view_of(batch, shape));
  } catch (const invalid_argument& reason) {
    return reason.what();
  }
  return "";
}

TEST(reducers, refuse_the_first_bad_frame_of_many_on_any_number_of_threads) {
  const frame_shape shape{100, 200};
  event_batch sound;  // 1,500 frames of 100 events: looked through on all threads
  for (std::uint32_t frame = 0; frame < 1500; ++frame) {
    for (std::uint32_t event = 0; event < 100; ++event) sound.indices.push_back(event * 200 + frame % 200);
    sound.indptr.push_back(sound.indices.size());
  }
  event_batch unsorted = sound;
  for (const std::size_t frame : {std::size_t{1400}, std::size_t{700}})
    std::swap(unsorted.indices[frame * 100], unsorted.indices[frame * 100 + 1]);
  event_batch outside = sound;
  outside.indices[900 * 100 - 1] = 20'000;  // the last event of frame 899
  event_batch beyond = sound;
  ++beyond.indptr.back();
  for (const unsigned threads : {1U, 2U, 4U}) {
    const auto reducer = cpu::make_reducer(threads);
    EXPECT_EQ(refusal_of(*reducer, sound, shape), "");
    EXPECT_EQ(refusal_of(*reducer, unsorted, shape), "the events of frame 700 of a batch are not sorted");
    EXPECT_EQ(refusal_of(*reducer, outside, shape),
              "frame 899 of a batch has an event at index 20000, outside its 20000 pixels");
    EXPECT_EQ(refusal_of(*reducer, beyond, shape), "the indptr of events must ascend and stay within their number, 150000");
  }
}

TEST(rings, a_step_or_centre_that_makes_none_is_refused) {
  const frame_shape shape{3, 4};
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double step : {0.0, -1.0, std::nan(""), infinity})
    EXPECT_THROW((void)make_rings(shape, {1, 2}, step, 2), invalid_argument) << step;
  EXPECT_THROW((void)make_rings(shape, {std::nan(""), 2}, 1, 2), invalid_argument);
  EXPECT_THROW((void)make_rings(shape, {1, infinity}, 1, 2), invalid_argument);
  EXPECT_NO_THROW((void)make_rings(shape, {1, 2}, 0.25, 2));
}

}  // namespace
