#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <countem/error.hpp>
#include <countem/scan_reducer.hpp>

namespace {

using namespace countem;
using testing::ElementsAre;

event_batch frame_at(std::uint64_t number, std::vector<std::uint32_t> events, std::uint8_t status = all_sectors) {
  event_batch batch;
  batch.first_frame = number;
  batch.indptr = {0, events.size()};
  batch.indices = std::move(events);
  batch.xrays = {0};
  batch.status = {status};
  return batch;
}

TEST(scan_reducer, adds_up_the_repeats_at_a_position_in_any_order) {
  reduction_plan plan;
  plan.maximum = true;
  plan.centre_of_mass = true;
  plan.radial = true;
  plan.detectors = {parse_detector("disk:0.5")};
  plan.weights = {{"half and two", {0.5F, 0, 0, 2}}};
  plan.centre = detector_point{1, 1};
  scan_reducer reducer(plan, {2, 2}, {1, 2, 2}, backend::cpu, 1);
  reducer.add(frame_at(3, {0, 3}));
  reducer.add(frame_at(0, {3}));
  reducer.add(frame_at(1, {1, 3, 3}));
  const reduction_result& result = reducer.result();
  EXPECT_THAT(result.counts, ElementsAre(4, 2));
  EXPECT_THAT(result.sum, ElementsAre(1, 1, 0, 4));
  EXPECT_THAT(result.maximum, ElementsAre(1, 1, 0, 2));
  EXPECT_EQ(result.moments[0], (event_moments{4, 3, 4}));
  EXPECT_THAT(result.virtual_images[0], ElementsAre(3, 1));
  EXPECT_THAT(result.weighted_images[0], ElementsAre(6.0, 2.5));
  EXPECT_EQ(result.rings, 2U);
  EXPECT_THAT(result.radial, ElementsAre(3, 1, 1, 1));
  EXPECT_EQ(result.frames, 3U);
  EXPECT_EQ(result.events, 6U);
}

TEST(scan_reducer, incomplete_frames_count_or_do_not_as_asked) {
  for (const bool skip : {false, true}) {
    reduction_plan plan;
    plan.incomplete = skip ? incomplete_frames::skip : incomplete_frames::keep;
    scan_reducer reducer(plan, {2, 2}, {1, 3, 1}, backend::cpu, 1);
    reducer.add(frame_at(0, {0}));
    reducer.add(frame_at(1, {1}, 0x07));
    reducer.add(frame_at(2, {2}, all_sectors | status_truncated));
    EXPECT_THAT(reducer.result().counts, skip ? ElementsAre(1, 0, 0) : ElementsAre(1, 1, 1));
    EXPECT_THAT(reducer.result().sum, skip ? ElementsAre(1, 0, 0, 0) : ElementsAre(1, 1, 1, 0));
    EXPECT_EQ(reducer.result().incomplete_frames, 2U);
    EXPECT_EQ(reducer.result().missing_frames, 0U);
    reducer.add(frame_at(2, {}, 0));
    EXPECT_EQ(reducer.result().incomplete_frames, 2U);
    EXPECT_EQ(reducer.result().missing_frames, 1U);
  }
}

TEST(scan_reducer, refuses_frames_outside_the_scan) {
  scan_reducer reducer({}, {2, 2}, {1, 3, 1}, backend::cpu, 1);
  EXPECT_THROW(reducer.add(frame_at(3, {0})), invalid_argument);
  EXPECT_THROW(static_cast<void>(make_reducer(backend::automatic)), invalid_argument);
}

}  // namespace
