// The pipeline with devices that help it or count alone: who counts what, failures, interruption.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include <countem/error.hpp>
#include <countem/notices.hpp>
#include <countem/pipeline.hpp>
#include <countem/simulate.hpp>

#include "host/engine/fed_devices.hpp"
#include "tests/calibration/memory_source.hpp"
#include "tests/pipeline/fake_devices.hpp"
#include "tests/pipeline/fed_counting.hpp"
#include "tests/pipeline/memory_pipeline.hpp"

namespace countem {
namespace {

using namespace test;
using std::chrono::milliseconds;
using testing::HasSubstr;

TEST_F(fed_pipeline, all_together_count_what_one_counts) {
  const frames_of_events alone = expected();
  std::uint64_t by_devices = 0;
  for (const unsigned devices : {1U, 3U}) {
    for (const unsigned threads : {1U, 2U, 5U}) {
      for (const std::size_t batch : {std::size_t{1}, std::size_t{4}, std::size_t{1000}}) {
        make_fakes().devices = devices;
        options_.threads = threads;
        options_.batch_frames = batch;
        const count_result result = count();
        EXPECT_EQ(sink_->frames_, alone) << devices << " devices, " << threads << " threads, batches of " << batch;
        EXPECT_EQ(result.frames, 63U);
        EXPECT_EQ(result.used, result.device_frames == 0 ? backend::cpu : backend::cuda);
        by_devices += result.device_frames;
      }
    }
  }
  EXPECT_GT(by_devices, 0U);
}

TEST_F(fed_pipeline, devices_alone_count_everything_on_all_of_them) {
  const frames_of_events alone = expected();
  fakes_.devices = 2;
  fakes_.start = milliseconds(3);
  fakes_.batch = milliseconds(2);
  options_.where = backend::cuda;
  for (const unsigned threads : {1U, 4U}) {
    options_.threads = threads;
    const auto counts_on_both = [&] {
      const count_result result = count();
      EXPECT_EQ(sink_->frames_, alone);
      EXPECT_EQ(result.device_frames, 63U);
      EXPECT_EQ(result.used, backend::cuda);
      return fakes_.counts[0] > 0 && fakes_.counts[1] > 0;
    };
    EXPECT_TRUE(in_one_of_many(counts_on_both));
  }
}

TEST_F(fed_pipeline, devices_that_are_named_are_those_that_count) {
  fakes_.devices = 3;
  options_.devices = {0, 2};
  options_.where = backend::cuda;
  fakes_.batch = milliseconds(1);
  EXPECT_TRUE(in_one_of_many([&] {
    EXPECT_EQ(count().device_frames, 63U);
    return fakes_.counts[0] > 0 && fakes_.counts[2] > 0;
  }));
  EXPECT_EQ(fakes_.counts[1], 0U);
}

/// Frames that take the processor long, without a device that makes as much of them.
std::unique_ptr<frame_source> costly_frames(std::uint64_t frames) {
  auto source = std::make_unique<memory_source<std::uint16_t>>(frame_shape{512, 512});
  std::vector<std::uint16_t> pixels(std::size_t{512} * 512);
  for (std::size_t p = 0; p < pixels.size(); ++p) pixels[p] = p % 3 == 0 ? 4000 : 0;  // an event each
  for (std::uint64_t f = 0; f < frames; ++f) source->add(pixels);
  return source;
}

TEST_F(fed_pipeline, a_faster_device_gets_the_most) {
  source_ = costly_frames(200);
  fakes_.counts_nothing = true;
  options_.threads = 2;
  options_.batch_frames = 1;
  EXPECT_TRUE(in_one_of_many([&] {
    const count_result result = count();
    return result.device_frames > 120 && result.events > 0;  // the processor has some, too
  }));
}

TEST_F(fed_pipeline, a_slow_device_gets_next_to_nothing) {
  const frames_of_events alone = expected();
  fakes_.batch = milliseconds(20);
  options_.threads = 2;
  options_.batch_frames = 1;
  EXPECT_TRUE(in_one_of_many([&] {
    const count_result result = count();
    EXPECT_EQ(sink_->frames_, alone);
    return result.device_frames <= 8;
  }));
}

TEST_F(fed_pipeline, a_device_that_starts_late_joins) {
  source_ = costly_frames(300);
  fakes_.counts_nothing = true;
  fakes_.start = milliseconds(20);
  options_.threads = 2;
  options_.batch_frames = 1;
  EXPECT_TRUE(in_one_of_many([&] {
    const count_result result = count();
    return result.device_frames > 0 && result.device_frames < 300;
  }));
}

TEST_F(fed_pipeline, a_device_does_not_start_for_what_is_left) {
  fakes_.does_not_start = {0};  // nobody would hear of it
  options_.devices_start_for_s = 3600;
  EXPECT_EQ(count().used, backend::cpu);
  EXPECT_EQ(sink_->frames_, expected());
  EXPECT_EQ(take_notices(), std::vector<std::string>{});
}

TEST(fed_devices, are_worth_starting_for_a_long_rest) {
  EXPECT_TRUE(engine::is_worth_starting(0, 0, 100, 0));
  EXPECT_FALSE(engine::is_worth_starting(0.5, 0, 100, 1));
  EXPECT_TRUE(engine::is_worth_starting(1, 0, 100, 1));
  EXPECT_TRUE(engine::is_worth_starting(1, 50, 100, 1));
  EXPECT_FALSE(engine::is_worth_starting(1, 51, 100, 1));
  EXPECT_FALSE(engine::is_worth_starting(100, 100, 100, 1));
  EXPECT_FALSE(engine::is_worth_starting(100, 101, 100, 1)) << "ranks that share frames may count more than expected";
}

TEST_F(fed_pipeline, a_device_that_does_not_start_is_done_without) {
  fakes_.does_not_start = {0};
  const frames_of_events alone = expected();
  std::vector<std::string> noticed;
  EXPECT_TRUE(in_one_of_many([&] {  // a count may end before the device begins to start
    const count_result result = count();
    EXPECT_EQ(sink_->frames_, alone);
    EXPECT_EQ(result.used, backend::cpu);
    EXPECT_EQ(result.device_frames, 0U);
    noticed = take_notices();
    return !noticed.empty();
  }));
  EXPECT_THAT(noticed, testing::ElementsAre(HasSubstr("device 0 counts no frames")));
}

TEST_F(fed_pipeline, a_device_that_was_asked_for_and_does_not_start_ends_it) {
  fakes_.devices = 2;
  fakes_.does_not_start = {1};
  options_.where = backend::cuda;
  fakes_.batch = milliseconds(5);
  options_.threads = 6;
  expect_device_failure("fake device 1 does not start");
  fakes_.does_not_start = {0, 1};
  expect_device_failure("does not start");
  EXPECT_EQ(sink_->written, 0U);
  fakes_.devices = 0;
  EXPECT_THROW(static_cast<void>(count()), not_compiled);
}

TEST_F(fed_pipeline, what_a_failed_device_had_taken_others_count) {
  const frames_of_events alone = expected();
  for (const bool while_copying : {false, true}) {
    for (const std::uint64_t number : {0U, 3U, 9U}) {
      fake_devices& fakes = make_fakes();
      fakes.devices = 2;
      fakes.fails = {0, 1};
      (while_copying ? fakes.put_that_fails : fakes.count_that_fails) = number;
      options_.batch_frames = 3;  // a piece and a half: the second of its copies may fail
      static_cast<void>(take_notices());
      const count_result result = count();
      EXPECT_EQ(sink_->frames_, alone) << "while copying: " << while_copying << ", number " << number;
      EXPECT_EQ(result.frames, 63U);
      const std::vector<std::string> noticed = take_notices();
      EXPECT_LE(noticed.size(), 2U) << "each device once";
      for (const std::string& one : noticed) EXPECT_THAT(one, HasSubstr("failed while frames were"));
      if (number == 0) {
        EXPECT_EQ(result.device_frames, 0U);
      }
      for (unsigned device = 0; device < 2; ++device)
        EXPECT_LE(fakes.counts[device], number + 4) << "it gets no more, but for what was under way";
    }
  }
}

TEST_F(fed_pipeline, one_of_several_may_fail) {
  fakes_.devices = 2;
  fakes_.fails = {1};
  fakes_.count_that_fails = 0;
  source_ = costly_frames(100);
  fakes_.counts_nothing = true;
  options_.batch_frames = 1;
  EXPECT_TRUE(in_one_of_many([&] {
    const count_result result = count();
    EXPECT_EQ(sink_->written, 100U);
    return result.device_frames > 0;
  }));
}

TEST_F(fed_pipeline, a_failure_of_devices_alone_ends_it_with_what_was_written_kept) {
  const frames_of_events alone = expected();
  fakes_.fails = {0};
  options_.where = backend::cuda;
  options_.batch_frames = 3;
  for (const bool while_copying : {false, true}) {
    (while_copying ? fakes_.put_that_fails : fakes_.count_that_fails) = while_copying ? 25 : 7;
    expect_device_failure("failed while frames were");
    EXPECT_LT(sink_->written, 63U);
    EXPECT_TRUE(std::equal(sink_->frames_.begin(), sink_->frames_.end(), alone.begin()));
    for (auto& times : fakes_.counts) times = 0;
    for (auto& times : fakes_.puts) times = 0;
    fakes_.count_that_fails = fake_devices::never;
  }
}

TEST_F(fed_pipeline, everything_before_an_unreadable_frame_is_written) {
  auto broken = std::make_unique<difficult_source>(small_scan());
  broken->broken = 40;
  source_ = std::move(broken);
  for (const backend where : {backend::automatic, backend::cuda}) {
    options_.where = where;
    EXPECT_THROW(static_cast<void>(count()), io_error);
    EXPECT_EQ(sink_->written, 40U);
  }
}

TEST_F(fed_pipeline, frames_that_lack_a_part_are_counted_alike) {
  auto lacking = std::make_unique<difficult_source>(small_scan());
  lacking->missing = 5;
  lacking->incomplete = 33;
  source_ = std::move(lacking);
  const frames_of_events alone = expected();
  options_.where = backend::cuda;
  const count_result result = count();
  EXPECT_EQ(sink_->frames_, alone);
  EXPECT_EQ(result.missing_frames, 1U);
}

TEST_F(fed_pipeline, stops_with_batches_on_devices) {
  for (const backend where : {backend::automatic, backend::cuda}) {
    make_fakes().batch = milliseconds(3);
    stop_ = false;
    options_.where = where;
    options_.stop = &stop_;
    options_.progress = [&](const count_progress& now) {
      if (now.frames_done >= 10) stop_ = true;
    };
    const count_result result = count();
    EXPECT_TRUE(result.stopped);
    EXPECT_GE(sink_->written, 10U);
    EXPECT_LT(sink_->written, 63U);
    EXPECT_EQ(result.frames, sink_->written);
  }
}

TEST_F(fed_pipeline, stops_while_a_device_starts) {
  make_fakes().start = milliseconds(30);
  stop_ = true;
  options_.stop = &stop_;
  for (const backend where : {backend::automatic, backend::cuda}) {
    options_.where = where;
    EXPECT_TRUE(count().stopped);
    EXPECT_EQ(sink_->written, 0U);
  }
}

}  // namespace
}  // namespace countem
