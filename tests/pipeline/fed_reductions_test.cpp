// Live reductions of frames that devices count: what each keeps, what is added, what is lost with a device.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include <countem/error.hpp>
#include <countem/pipeline.hpp>
#include <countem/scan_reducer.hpp>
#include <countem/simulate.hpp>

#include "tests/pipeline/fed_counting.hpp"

namespace countem {
namespace {

using namespace test;

/// Live reductions with everything that is added: per frame, per pixel, of floating-point weights, with repeats at a position.
class fed_reductions : public fed_pipeline {
 protected:
  fed_reductions() {
    simulation_options simulated = small_scan();
    simulated.scan = {4, 4, 3};
    source_ = simulated_source(simulated);
    const frame_shape shape = source_->info().shape;
    plan_ = parse_plan("sum,max,com,errors,virtual:disk:12,virtual:annulus:12,30,radial:3");
    weight_map map;
    map.name = "thirds";
    for (std::size_t p = 0; p < shape.pixels(); ++p) map.weights.push_back(1.0F / static_cast<float>(3 + p % 7));
    plan_.weights.push_back(map);
  }

  reduction_result reduced() {
    scan_reducer live(plan_, source_->info().shape, source_->info().scan, backend::reference);
    options_.live = &live;
    static_cast<void>(count());
    options_.live = nullptr;
    return live.take();
  }
  reduction_result reduced_by_processor() {
    pipeline_options devices = options_;
    options_.where = backend::cpu;
    reduction_result result = reduced();
    options_ = devices;
    return result;
  }

  static void expect_equal(const reduction_result& found, const reduction_result& expected) {
    EXPECT_EQ(found.sum, expected.sum);
    EXPECT_EQ(found.maximum, expected.maximum);
    EXPECT_EQ(found.counts, expected.counts);
    EXPECT_EQ(found.moments, expected.moments);
    EXPECT_EQ(found.second_moments, expected.second_moments);
    EXPECT_EQ(found.virtual_images, expected.virtual_images);
    EXPECT_EQ(found.weighted_images, expected.weighted_images) << "not to the bit";
    EXPECT_EQ(found.squared_images, expected.squared_images);
    EXPECT_EQ(found.radial, expected.radial);
    EXPECT_EQ(found.lost, expected.lost);
    EXPECT_EQ(found.frames, expected.frames);
    EXPECT_EQ(found.incomplete_frames, expected.incomplete_frames);
    EXPECT_EQ(found.events, expected.events);
    EXPECT_EQ(found.complete_events, expected.complete_events);
  }

  reduction_plan plan_;
};

TEST_F(fed_reductions, equal_those_of_the_processor_to_the_bit) {
  const reduction_result expected = reduced_by_processor();
  EXPECT_GT(expected.events, 0U);
  for (const backend where : {backend::automatic, backend::cuda}) {
    for (const unsigned devices : {1U, 2U}) {
      make_fakes().devices = devices;
      options_.where = where;
      expect_equal(reduced(), expected);
    }
  }
  EXPECT_GT(fakes().additions[0], 0U);
}

TEST_F(fed_reductions, leave_out_incomplete_frames_as_the_processor_does) {
  simulation_options simulated = small_scan();
  simulated.scan = {4, 4, 3};
  auto lacking = std::make_unique<difficult_source>(simulated);
  lacking->incomplete = 11;
  source_ = std::move(lacking);
  plan_.incomplete = incomplete_frames::skip;
  const reduction_result expected = reduced_by_processor();
  options_.where = backend::cuda;
  expect_equal(reduced(), expected);
}

TEST_F(fed_reductions, pictures_hold_what_is_still_on_devices) {
  options_.where = backend::cuda;
  scan_reducer live(plan_, source_->info().shape, source_->info().scan, backend::reference);
  options_.live = &live;
  int pictures = 0;
  options_.progress = [&](const count_progress& now) {
    const reduction_result picture = live.snapshot_without_profiles();
    const std::uint64_t total = std::accumulate(picture.sum.begin(), picture.sum.end(), std::uint64_t{0});
    EXPECT_GE(total, now.events);
    ++pictures;
  };
  static_cast<void>(count());
  EXPECT_GT(pictures, 5);
}

TEST_F(fed_reductions, of_a_device_that_failed_before_it_added_anything_are_those_of_others) {
  const reduction_result expected = reduced_by_processor();
  fakes_.fails = {0};
  fakes_.count_that_fails = 0;
  fakes_.patterns_can_be_read = false;  // nobody asks
  expect_equal(reduced(), expected);
}

TEST_F(fed_reductions, of_a_device_that_failed_later_are_read_while_it_can_be) {
  const reduction_result expected = reduced_by_processor();
  fakes_.fails = {0};
  fakes_.count_that_fails = 3;
  expect_equal(reduced(), expected);
}

TEST_F(fed_reductions, that_are_lost_with_a_device_end_the_count) {
  fakes_.fails = {0};
  options_.batch_frames = 1;
  fakes_.patterns_can_be_read = false;
  scan_reducer live(plan_, source_->info().shape, source_->info().scan, backend::reference);
  options_.live = &live;
  // Whether the device gets the batch that fails depends on when it starts.
  const auto ends_with = [&](const std::string& words) {
    return in_one_of_many([&] {
      for (auto& times : fakes_.counts) times = 0;
      for (auto& times : fakes_.additions) times = 0;
      try {
        static_cast<void>(count());
        return false;
      } catch (const cuda_error& failed) {
        return std::string(failed.what()).find(words) != std::string::npos;
      }
    });
  };
  fakes_.count_that_fails = 1;
  EXPECT_TRUE(ends_with("the sums of the frames that device 0 counted are lost with it"));
  EXPECT_EQ(sink_->written, 48U) << "all frames are counted all the same";
  // An addition that failed may have been made or not.
  fakes_.count_that_fails = fake_devices::never;
  fakes_.addition_that_fails = 0;
  EXPECT_TRUE(ends_with("failed while frames were added"));
}

}  // namespace
}  // namespace countem
