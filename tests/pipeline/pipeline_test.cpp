// The pipeline between a source and a sink that live in memory: order, bounds, failures, interruption.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include <countem/error.hpp>
#include <countem/pipeline.hpp>
#include <countem/simulate.hpp>

#include "tests/pipeline/memory_pipeline.hpp"
#include "tests/store/temporary_directory.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::HasSubstr;

/// Expects counting to fail with a sentence that holds these words.
void expect_failure(const frame_source& source, memory_sink& sink, const pipeline_options& options,
                    const std::vector<std::string>& words) {
  try {
    count_frames(source, setup_for(source), sink, options);
    FAIL() << "the failure was swallowed";
  } catch (const io_error& failure) {
    for (const std::string& word : words) EXPECT_THAT(failure.what(), HasSubstr(word));
  }
}

std::vector<std::vector<std::uint32_t>> one_by_one(const frame_source& source) {
  const counting_setup setup = setup_for(source);
  const auto counter = reference::make_counter(setup);
  std::vector<std::vector<std::uint32_t>> frames;
  frame_batch raw;
  event_batch out;
  for (std::uint64_t frame = 0; frame < source.info().scan.frames(); ++frame) {
    source.read(frame, 1, raw);
    counter->count(raw.frames, out);
    frames.push_back(out.indices);
  }
  return frames;
}

TEST(pipeline, gives_what_counting_one_by_one_gives) {
  const auto source = simulated_source(small_scan());
  const auto expected = one_by_one(*source);
  ASSERT_GT(expected.size(), 0U);
  for (const backend where : {backend::reference, backend::cpu}) {
    for (const unsigned threads : {1U, 2U, 5U}) {
      for (const std::size_t batch : {std::size_t{1}, std::size_t{4}, std::size_t{1000}}) {
        memory_sink sink;
        pipeline_options options;
        options.where = where;
        options.threads = threads;
        options.batch_frames = batch;
        const count_result result = count_frames(*source, setup_for(*source), sink, options);
        EXPECT_EQ(sink.frames_, expected) << threads << " threads, batches of " << batch;
        EXPECT_EQ(result.frames, 63U);
        EXPECT_EQ(result.used, where);
        EXPECT_FALSE(result.stopped);
      }
    }
  }
}

/// Shortens a file while its frames are read in place.
class shrinking_source final : public frame_source {
 public:
  shrinking_source(const frame_source& frames, std::filesystem::path file, std::uint64_t from_frame)
      : frames_(frames), file_(std::move(file)), from_frame_(from_frame) {}
  const source_info& info() const override { return frames_.info(); }
  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override { frames_.read(first, count, batch); }
  void visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch, const visitor& use) const override {
    frames_.visit(first, count, most, batch, [&](std::uint64_t shown, std::span<const frame_view> views) {
      in_place = in_place || views.size() > most;
      if (shown + views.size() > from_frame_) std::filesystem::resize_file(file_, 100'000);
      use(shown, views);
    });
  }
  mutable bool in_place = false;

 private:
  const frame_source& frames_;
  std::filesystem::path file_;
  std::uint64_t from_frame_;
};

TEST(pipeline, a_file_that_shrinks_while_it_is_counted_ends_in_a_sentence) {
  const test::temporary_directory directory;
  simulation_options simulated;
  simulated.scan = {5, 4, 1};
  simulated.occupancy = 0.01;
  const std::vector<std::filesystem::path> files = write_simulation(directory.path(), simulated, {}).frames;
  source_options opening;
  opening.in_place = true;
  const auto files_source = open_source(files, opening);
  const auto expected = one_by_one(*files_source);
  const shrinking_source source(*files_source, files[2], 8);
  memory_sink sink;
  pipeline_options options;
  options.threads = 1;
  options.batch_frames = 4;
  expect_failure(source, sink, options, {files[2].string(), "became shorter"});
  if (!source.in_place) GTEST_SKIP() << "this file system does not tell what is in the page cache: everything was copied";
  ASSERT_EQ(sink.written, 8U) << "what was counted before is kept, and nothing else";
  EXPECT_TRUE(std::equal(sink.frames_.begin(), sink.frames_.end(), expected.begin()));
}

TEST(pipeline, missing_frames_are_counted_as_missing) {
  difficult_source source(small_scan());
  source.missing = 5;
  memory_sink sink;
  const count_result result = count_frames(source, setup_for(source), sink, {});
  EXPECT_EQ(result.frames, 62U);
  EXPECT_EQ(result.missing_frames, 1U);
  EXPECT_TRUE(sink.frames_[5].empty());
}

TEST(pipeline, everything_before_an_unreadable_frame_is_written) {
  difficult_source source(small_scan());
  source.broken = 40;
  memory_sink sink;
  pipeline_options options;
  options.batch_frames = 3;
  options.threads = 4;
  expect_failure(source, sink, options, {"frame 40"});
  EXPECT_EQ(sink.written, 39U) << "the batches before the one with frame 40";
}

TEST(pipeline, a_full_sink_ends_it) {
  const auto source = simulated_source(small_scan());
  memory_sink sink;
  sink.full_at = 20;
  pipeline_options options;
  options.batch_frames = 4;
  EXPECT_THROW(count_frames(*source, setup_for(*source), sink, options), io_error);
  EXPECT_EQ(sink.written, 20U);
}

TEST(pipeline, a_slow_sink_slows_the_source) {
  difficult_source source(small_scan());
  memory_sink sink;
  sink.slow = std::chrono::milliseconds(2);
  source.sink = &sink;
  pipeline_options options;
  options.batch_frames = 1;
  options.threads = 2;
  count_frames(source, setup_for(source), sink, options);
  EXPECT_LE(source.furthest_ahead, 2 * 2 + 2 + 1U) << "more batches in flight than tokens";
}

TEST(pipeline, stops_when_told_and_keeps_what_is_done) {
  const auto source = simulated_source(small_scan());
  memory_sink sink;
  std::atomic<bool> stop{false};
  pipeline_options options;
  options.batch_frames = 2;
  options.threads = 2;
  options.stop = &stop;
  options.progress = [&](const count_progress& now) {
    if (now.frames_done >= 10) stop = true;
  };
  const count_result result = count_frames(*source, setup_for(*source), sink, options);
  EXPECT_TRUE(result.stopped);
  EXPECT_GE(sink.written, 10U);
  EXPECT_LT(sink.written, 63U);
  EXPECT_EQ(result.frames, sink.written);
}

TEST(pipeline, begins_where_it_is_told) {
  const auto source = simulated_source(small_scan());
  class late_sink final : public event_sink {
   public:
    void observe(const event_batch&) override {}
    std::unique_ptr<encoded> encode(const event_batch& events) const override {
      auto copy = std::make_unique<memory_sink::kept>();
      copy->events = events;
      return copy;
    }
    void write(const encoded& frames) override {
      const event_batch& events = static_cast<const memory_sink::kept&>(frames).events;
      if (first == ~std::uint64_t{0}) first = events.first_frame;
      count += events.frames();
    }
    std::uint64_t first = ~std::uint64_t{0};
    std::uint64_t count = 0;
  } sink;
  pipeline_options options;
  options.first_frame = 50;
  count_frames(*source, setup_for(*source), sink, options);
  EXPECT_EQ(sink.first, 50U);
  EXPECT_EQ(sink.count, 13U);
}

TEST(pipeline, progress_ends_at_the_end) {
  const auto source = simulated_source(small_scan());
  memory_sink sink;
  count_progress last;
  pipeline_options options;
  options.batch_frames = 10;
  options.progress = [&](const count_progress& now) {
    EXPECT_GT(now.frames_done, last.frames_done);
    last = now;
  };
  const count_result result = count_frames(*source, setup_for(*source), sink, options);
  EXPECT_EQ(last.frames_done, 63U);
  EXPECT_EQ(last.frames_total, 63U);
  EXPECT_EQ(last.events, result.events);
}

TEST(pipeline, a_setup_for_other_frames_is_refused) {
  const auto source = simulated_source(small_scan());
  memory_sink sink;
  counting_setup setup = setup_for(*source);
  setup.shape = {48, 64};
  EXPECT_THROW(count_frames(*source, setup, sink, {}), invalid_argument);
}

TEST(backends, automatic_is_never_the_answer) {
  const backend_choice chosen = choose_backend(backend::automatic);
  EXPECT_NE(chosen.used, backend::automatic);
  EXPECT_FALSE(chosen.reason.empty());
  EXPECT_THROW((void)make_counter(backend::automatic, {}), invalid_argument);
}

}  // namespace
