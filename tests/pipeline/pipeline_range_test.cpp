// Which frames are counted, and what the result counts of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/pipeline/memory_pipeline.hpp"

namespace {

using namespace countem;
using namespace countem::test;

TEST(pipeline_range, counts_frames_from_the_first_up_to_the_end) {
  const auto source = simulated_source(small_scan());
  memory_sink all;
  count_frames(*source, setup_for(*source), all, {});
  ASSERT_EQ(all.frames_.size(), 63U);
  for (const auto& [first, end] : {std::pair{0U, 1U}, {0U, 63U}, {5U, 6U}, {17U, 40U}, {62U, 63U}}) {
    memory_sink sink(first);
    pipeline_options options;
    options.first_frame = first;
    options.end_frame = end;
    options.batch_frames = 4;
    options.threads = 2;
    count_progress last;
    options.progress = [&](const count_progress& now) { last = now; };
    const count_result result = count_frames(*source, setup_for(*source), sink, options);
    EXPECT_EQ(result.frames, end - first);
    EXPECT_EQ(sink.written, end);
    EXPECT_TRUE(std::equal(sink.frames_.begin(), sink.frames_.end(), all.frames_.begin() + first, all.frames_.begin() + end));
    EXPECT_EQ(last.frames_done, end);
    EXPECT_EQ(last.frames_total, end);
    EXPECT_FALSE(result.stopped);
  }
}

TEST(pipeline_range, may_be_empty_and_may_reach_beyond_the_scan) {
  const auto source = simulated_source(small_scan());
  for (const std::uint64_t frame : {0U, 20U, 63U, 64U, 1000U}) {
    memory_sink sink(frame);
    pipeline_options options;
    options.first_frame = frame;
    options.end_frame = frame;
    EXPECT_EQ(count_frames(*source, setup_for(*source), sink, options).frames, 0U);
    EXPECT_TRUE(sink.frames_.empty());
  }
  memory_sink sink(60);
  pipeline_options options;
  options.first_frame = 60;
  options.end_frame = 64;
  EXPECT_EQ(count_frames(*source, setup_for(*source), sink, options).frames, 3U);
}

TEST(pipeline_range, that_ends_before_it_begins_is_refused) {
  const auto source = simulated_source(small_scan());
  memory_sink sink;
  pipeline_options options;
  options.first_frame = 5;
  options.end_frame = 4;
  EXPECT_THROW(count_frames(*source, setup_for(*source), sink, options), invalid_argument);
}

TEST(pipeline_result, tells_incomplete_frames_from_missing_and_whole_ones) {
  simulation_options scan = small_scan();
  difficult_source source(scan);
  memory_sink whole;
  const count_result nothing_lacks = count_frames(source, setup_for(source), whole, {});
  EXPECT_EQ(nothing_lacks.frames, 63U);
  EXPECT_EQ(nothing_lacks.missing_frames, 0U);
  EXPECT_EQ(nothing_lacks.incomplete_frames, 0U);
  source.missing = 5;
  source.incomplete = 8;
  memory_sink sink;
  const count_result result = count_frames(source, setup_for(source), sink, {});
  EXPECT_EQ(result.frames, 62U) << "an incomplete frame is counted";
  EXPECT_EQ(result.missing_frames, 1U);
  EXPECT_EQ(result.incomplete_frames, 1U) << "a missing frame is not incomplete";
}

TEST(pipeline_stop, after_the_last_batch_stops_nothing) {
  difficult_source source(small_scan());
  std::atomic<bool> stop{false};
  source.raised_while_reading = &stop;
  memory_sink sink;
  pipeline_options options;
  options.threads = 1;  // the batch is read before the next one is asked for
  options.batch_frames = 63;
  options.stop = &stop;
  const count_result result = count_frames(source, setup_for(source), sink, options);
  EXPECT_TRUE(stop);
  EXPECT_FALSE(result.stopped) << "all frames were counted";
  EXPECT_EQ(result.frames, 63U);
}

TEST(pipeline_stop, before_the_first_batch_counts_nothing) {
  difficult_source source(small_scan());
  const std::atomic<bool> stop{true};
  memory_sink sink;
  pipeline_options options;
  options.stop = &stop;
  const count_result result = count_frames(source, setup_for(source), sink, options);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.frames, 0U);
}

TEST(pipeline_result, frames_per_second_of_no_time_are_none) {
  count_result result;
  result.frames = 10;
  EXPECT_EQ(result.frames_per_s(), 0);
  result.seconds = 4;
  EXPECT_EQ(result.frames_per_s(), 2.5);
}

}  // namespace
