// Counters of the cuda backend: any number of frames on top of batches in flight, and who shares which calibration.
#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include <countem/append.hpp>
#include <countem/counting.hpp>
#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>

#include "kernels/cuda/device_plan.hpp"
#include "kernels/cuda/streamed_counter.hpp"

namespace countem::cuda {

namespace {

class device_counter final : public counter {
 public:
  device_counter(std::unique_ptr<batch_counter> batches, unsigned most_in_flight, counted_batch_look look)
      : batches_(std::move(batches)), most_in_flight_(most_in_flight), look_(std::move(look)) {}

  void count(std::span<const frame_view> frames, event_batch& out) override {
    while (batches_->in_flight() != 0) batches_->collect(piece_);  // of an earlier call that failed half-way
    out.clear();
    while (!frames.empty() || batches_->in_flight() != 0) {
      while (!frames.empty() && batches_->in_flight() < most_in_flight_) {
        const std::size_t next = std::min(frames.size(), batches_->batch_frames());
        batches_->submit(frames.first(next));
        frames = frames.subspan(next);
      }
      batches_->collect(piece_);
      piece_.first_frame = out.frames();
      if (look_) look_(piece_, batches_->reducer());
      append(out, piece_);
    }
  }

  [[nodiscard]] std::shared_ptr<countem::frame_memory> frame_memory() override { return batches_->frame_memory(); }

 private:
  std::unique_ptr<batch_counter> batches_;
  std::size_t most_in_flight_;
  counted_batch_look look_;
  event_batch piece_;
};

std::unique_ptr<batch_counter> make_streamed(std::shared_ptr<const device_plan> plan, const device_options& options) {
  if (options.batches_in_flight == 0) throw invalid_argument("a device counter needs at least one batch in flight");
  require_device(options.device);
  const device_scope device(static_cast<int>(options.device));
  return std::make_unique<streamed_counter>(std::move(plan), options);
}

std::unique_ptr<counter> make_counting(std::shared_ptr<const device_plan> plan, const device_options& options,
                                       counted_batch_look look) {
  return std::make_unique<device_counter>(make_streamed(std::move(plan), options), options.batches_in_flight, std::move(look));
}

/// The next device in turn, whichever plan asks.
device_options next_device() {
  static std::atomic<unsigned> made{0};
  device_options options;
  if (const unsigned devices = device_count(); devices != 0) options.device = made++ % devices;
  return options;
}

}  // namespace

device_plan::device_plan(const counting_setup& setup) : counting_plan(setup), limits_(limits_for_device(setup)) {}

std::unique_ptr<counter> device_plan::make_counter() const {
  return make_counting(shared_from_this(), next_device(), {});
}

std::shared_ptr<const device_calibration> device_plan::on_device(int device, const cuda_stream& stream) const {
  const std::lock_guard held(lock_);
  auto& uploaded = uploaded_[device];
  if (uploaded == nullptr) uploaded = std::make_shared<const device_calibration>(setup(), limits_, stream);
  return uploaded;
}

std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup) {
  return std::make_shared<const device_plan>(setup);
}

std::unique_ptr<batch_counter> make_batch_counter(const counting_setup& setup, const device_options& options) {
  return make_streamed(std::make_shared<const device_plan>(setup), options);
}

std::unique_ptr<counter> make_counter(std::shared_ptr<const counting_plan> plan, const device_options& options,
                                      counted_batch_look look) {
  auto on_devices = std::dynamic_pointer_cast<const device_plan>(std::move(plan));
  if (on_devices == nullptr) throw invalid_argument("a device counter was asked for with the plan of another backend");
  return make_counting(std::move(on_devices), options, std::move(look));
}

std::unique_ptr<counter> make_counter(const counting_setup& setup, const device_options& options, counted_batch_look look) {
  return make_counter(make_plan(setup), options, std::move(look));
}

std::unique_ptr<counter> make_counter(const counting_setup& setup) {
  return make_plan(setup)->make_counter();
}

}  // namespace countem::cuda
