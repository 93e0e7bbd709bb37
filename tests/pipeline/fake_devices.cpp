#include "tests/pipeline/fake_devices.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>

namespace countem::test {

namespace {
std::unique_ptr<fake_devices> current_fakes = std::make_unique<fake_devices>();
}

fake_devices& fakes() {
  return *current_fakes;
}

fake_devices& make_fakes() {
  current_fakes = std::make_unique<fake_devices>();
  return fakes();
}

}  // namespace countem::test

namespace countem::cuda {

namespace {

using test::fakes;

[[noreturn]] void refuse_fake() {
  throw not_compiled("there is no such part of a device in this test");
}

class fake_plan final : public counting_plan {
 public:
  using counting_plan::counting_plan;
  [[nodiscard]] std::unique_ptr<counter> make_counter() const override { return reference::make_counter(setup()); }
};

/// Fails when something happens for the time that is wanted on a device that is to fail.
void happen(std::atomic<std::uint64_t>& times, unsigned device, std::uint64_t that_fails, const char* what) {
  const std::uint64_t number = times++;
  if (number >= that_fails && fakes().fails.contains(device))
    throw cuda_error("fake device " + std::to_string(device) + " failed while " + what);
}

struct fake_patterns {
  std::mutex lock;
  std::vector<std::uint64_t> sum;
  std::vector<std::uint32_t> maximum;
};

class fake_slot final : public feed_slot {
 public:
  fake_slot(const counting_setup& setup, const device_options& options, fake_patterns& patterns)
      : setup_(setup), options_(options), patterns_(patterns), counter_(reference::make_counter(setup)) {}

  [[nodiscard]] std::size_t batch_frames() const override { return options_.batch_frames; }
  [[nodiscard]] std::size_t piece_frames() const override { return 2; }
  void clear() override {
    storage_.clear();
    frames_.clear();
  }
  [[nodiscard]] frame_batch& next_piece() override { return pieces_[at_ = 1 - at_]; }

  /// As a copy to a device, that of a frame which is whole.
  void put(std::span<const frame_view> frames) override {
    happen(fakes().puts[options_.device], options_.device, fakes().put_that_fails, "frames were copied");
    if (frames_.size() + frames.size() > batch_frames()) throw invalid_argument("the slot is full");
    if (fakes().counts_nothing) {
      frames_.insert(frames_.end(), frames.begin(), frames.end());
      return;
    }
    for (const frame_view& frame : frames) {
      frames_.push_back(frame);
      const std::size_t band_bytes = frame.shape.pixels() * size_of(frame.type) / frame.band_count;
      for (std::size_t band = 0; band < frame.band_count && frame.present != 0; ++band) {
        if (frame.bands[band] == nullptr) continue;
        storage_.emplace_back(frame.bands[band], frame.bands[band] + band_bytes);
        frames_.back().bands[band] = storage_.back().data();
      }
    }
  }

  void count(event_batch& out) override {
    if (fakes().batch.count() != 0) std::this_thread::sleep_for(fakes().batch);
    happen(fakes().counts[options_.device], options_.device, fakes().count_that_fails, "frames were counted");
    if (fakes().counts_nothing) {
      out.clear();
      for (const frame_view& frame : frames_) {
        out.indptr.push_back(0);
        out.xrays.push_back(0);
        out.status.push_back(status_of(frame, 0));
      }
    } else {
      counter_->count(frames_, out);
    }
    counted_ = &out;
  }

  [[nodiscard]] event_reducer& reducer() override {
    reducer_->load(view_of(*counted_, event_grid(setup_)));
    return *reducer_;
  }

  void add_to_patterns() override {
    happen(fakes().additions[options_.device], options_.device, fakes().addition_that_fails, "frames were added");
    const std::lock_guard held(patterns_.lock);
    if (!patterns_.sum.empty()) reducer_->add_sum(patterns_.sum);
    if (!patterns_.maximum.empty()) reducer_->raise_maximum(patterns_.maximum);
  }

 private:
  counting_setup setup_;
  device_options options_;
  fake_patterns& patterns_;
  std::unique_ptr<counter> counter_;
  std::unique_ptr<event_reducer> reducer_ = reference::make_reducer();
  frame_batch pieces_[2];
  std::size_t at_ = 0;
  std::deque<std::vector<std::byte>> storage_;
  std::vector<frame_view> frames_;
  const event_batch* counted_ = nullptr;
};

class fake_feed final : public device_feed {
 public:
  fake_feed(const counting_setup& setup, const device_options& options) : device_(options.device) {
    const std::size_t pixels = event_grid(setup).pixels();
    if (options.keeps_sum) patterns_.sum.resize(pixels);
    if (options.keeps_maximum) patterns_.maximum.resize(pixels);
    for (unsigned slot = 0; slot < options.slots; ++slot)
      slots_.push_back(std::make_unique<fake_slot>(setup, options, patterns_));
  }
  [[nodiscard]] std::vector<feed_slot*> slots() override {
    std::vector<feed_slot*> all;
    for (const auto& slot : slots_) all.push_back(slot.get());
    return all;
  }
  void read_patterns(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum) override {
    if (!fakes().patterns_can_be_read) throw cuda_error("fake device " + std::to_string(device_) + " cannot be read");
    const std::lock_guard held(patterns_.lock);
    for (std::size_t p = 0; p < std::min(sum.size(), patterns_.sum.size()); ++p) sum[p] += patterns_.sum[p];
    for (std::size_t p = 0; p < std::min(maximum.size(), patterns_.maximum.size()); ++p)
      maximum[p] = std::max(maximum[p], patterns_.maximum[p]);
  }

 private:
  unsigned device_;
  fake_patterns patterns_;
  std::vector<std::unique_ptr<fake_slot>> slots_;
};

}  // namespace

unsigned device_count() noexcept {
  return fakes().devices;
}
std::string device_reason() {
  return std::to_string(fakes().devices) + " fake devices answer";
}
void require_device(unsigned number) {
  if (number >= fakes().devices) throw cuda_error("device " + std::to_string(number) + " was asked for and is none");
}
bus_copies time_bus(unsigned, std::size_t, unsigned) {
  refuse_fake();
}
std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup) {
  return std::make_shared<const fake_plan>(setup);
}
std::unique_ptr<device_feed> make_device_feed(std::shared_ptr<const counting_plan> plan, const device_options& options) {
  require_device(options.device);
  if (fakes().start.count() != 0) std::this_thread::sleep_for(fakes().start);
  if (fakes().does_not_start.contains(options.device))
    throw cuda_error("fake device " + std::to_string(options.device) + " does not start");
  ++fakes().started;
  return std::make_unique<fake_feed>(plan->setup(), options);
}
std::unique_ptr<counter> make_counter(std::shared_ptr<const counting_plan>, const device_options&, counted_batch_look) {
  refuse_fake();
}
std::unique_ptr<counter> make_counter(const counting_setup&) {
  refuse_fake();
}
std::unique_ptr<counter> make_counter(const counting_setup&, const device_options&, counted_batch_look) {
  refuse_fake();
}
std::unique_ptr<batch_counter> make_batch_counter(const counting_setup&, const device_options&) {
  refuse_fake();
}
std::unique_ptr<event_reducer> make_reducer() {
  refuse_fake();
}

}  // namespace countem::cuda
