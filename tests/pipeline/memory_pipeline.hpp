#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <countem/error.hpp>
#include <countem/pipeline.hpp>
#include <countem/simulate.hpp>

// A source and a sink that live in memory, for tests of what lies between them.
namespace countem::test {

inline simulation_options small_scan() {
  simulation_options options;
  options.scan = {9, 7, 1};
  options.frame = {64, 48};
  options.occupancy = 0.01;
  return options;
}

inline counting_setup setup_for(const frame_source& source) {
  counting_setup setup;
  setup.shape = source.info().shape;
  setup.type = source.info().type;
  setup.calibrated.background16 = background_from_adu(32);
  return setup;
}

/// Checks the promises of event_sink and keeps what it is given.
class memory_sink final : public event_sink {
 public:
  /// `first`: number of the first frame that is expected.
  explicit memory_sink(std::uint64_t first = 0) : written(first), observed_(first) {}

  class kept : public encoded {
   public:
    event_batch events;
  };

  void observe(const event_batch& events) override {
    EXPECT_EQ(events.first_frame, observed_) << "observed out of order";
    observed_ += events.frames();
  }
  std::unique_ptr<encoded> encode(const event_batch& events) const override {
    EXPECT_LE(events.first_frame + events.frames(), observed_) << "encoded before it was observed";
    auto copy = std::make_unique<kept>();
    copy->events = events;
    return copy;
  }
  void write(const encoded& frames) override {
    if (slow.count() != 0) std::this_thread::sleep_for(slow);
    const event_batch& events = static_cast<const kept&>(frames).events;
    EXPECT_EQ(events.first_frame, written) << "written out of order";
    if (written + events.frames() > full_at) throw io_error("sink: no space left");
    written += events.frames();
    for (std::size_t frame = 0; frame < events.frames(); ++frame) {
      const auto of_frame = events.events(frame);
      frames_.emplace_back(of_frame.begin(), of_frame.end());
    }
  }

  std::vector<std::vector<std::uint32_t>> frames_;
  std::uint64_t written;  ///< number of the next frame
  std::uint64_t full_at = ~std::uint64_t{0};
  std::chrono::milliseconds slow{0};

 private:
  std::uint64_t observed_;
};

/// A source that fails at one frame, lacks others, and records how far ahead of the sink it was read.
class difficult_source final : public frame_source {
 public:
  explicit difficult_source(const simulation_options& options) : frames_(simulated_source(options)) {}

  const source_info& info() const override { return frames_->info(); }
  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    if (first <= broken && broken < first + count) throw io_error("disk: frame " + std::to_string(broken) + " cannot be read");
    frames_->read(first, count, batch);
    for (std::size_t i = 0; i < count; ++i) {
      if (first + i == missing) batch.frames[i].present = 0;
      if (first + i == incomplete) batch.frames[i].present = 0x7;
    }
    if (raised_while_reading != nullptr) *raised_while_reading = true;
    const std::scoped_lock lock(mutex_);
    farthest = std::max(farthest, first + count);
    if (sink != nullptr) furthest_ahead = std::max(furthest_ahead, farthest - std::min(farthest, sink->written));
  }

  std::uint64_t broken = ~std::uint64_t{0};
  std::uint64_t missing = ~std::uint64_t{0};
  std::uint64_t incomplete = ~std::uint64_t{0};  ///< lacks one sector
  std::atomic<bool>* raised_while_reading = nullptr;
  const memory_sink* sink = nullptr;
  mutable std::uint64_t farthest = 0;
  mutable std::uint64_t furthest_ahead = 0;

 private:
  std::unique_ptr<frame_source> frames_;
  mutable std::mutex mutex_;
};

}  // namespace countem::test
