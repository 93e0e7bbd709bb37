#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <countem/device_counter.hpp>

#include "kernels/cuda/batch_sizes.hpp"
#include "kernels/cuda/batch_slot.hpp"
#include "kernels/cuda/counting_scratch.hpp"
#include "kernels/cuda/device_plan.hpp"
#include "kernels/cuda/pinned_frames.hpp"
#include "kernels/cuda/reducer.hpp"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

/// Counts batches on one device. Each has streams of its own that bring it there and back; counting has one stream, whose
/// memory batches use one after another.
class streamed_counter final : public batch_counter {
 public:
  /// On options.device, which must be current. @throws cuda_error.
  streamed_counter(std::shared_ptr<const device_plan> plan, const device_options& options);
  ~streamed_counter() override;

  [[nodiscard]] std::size_t batch_frames() const override { return sizes_.frames; }
  [[nodiscard]] std::size_t in_flight() const override { return submitted_.size(); }
  [[nodiscard]] batch_times times() const override { return times_; }
  [[nodiscard]] std::shared_ptr<countem::frame_memory> frame_memory() override { return pinned_; }
  event_reducer& reducer() override;
  void submit(std::span<const frame_view> frames) override;
  void collect(event_batch& out) override;

  // What submit() and collect() are made of, for a device that several threads feed: safe from several at once, each with a
  // batch of its own. The counter's device must be current.
  /// @throws invalid_argument when frames are of another shape or type, or a batch cannot hold so many.
  void require_fit(std::span<const frame_view> frames, std::size_t in_batch) const;
  /// Queues counting behind the copies of raw frames that the batch's stream has queued.
  void queue(batch_slot& batch);
  /// Waits for the batch, counts it again where room was lacking, and fetches its events.
  void finish(batch_slot& batch, event_batch& out);
  /// Waits for what is counted and what is needed for it, whether it succeeds or not.
  void drain() const noexcept { cudaStreamSynchronize(counting_.get()); }
  [[nodiscard]] const batch_sizes& sizes() const { return sizes_; }
  [[nodiscard]] const counting_setup& setup() const { return plan_->setup(); }
  [[nodiscard]] int device() const { return device_; }

 private:
  [[nodiscard]] bool is_cluster() const { return setup().options.method == counting_method::cluster; }
  [[nodiscard]] bool with_values() const { return setup().options.values != event_value::none; }
  [[nodiscard]] batch_view view_of(const batch_slot& batch) const;
  [[nodiscard]] event_memory events_of(const batch_slot& batch) const;
  void refuse_unfit(std::span<const frame_view> frames) const;
  batch_slot& free_slot();
  void wait_for_users() const;
  void queue_counting(batch_slot& batch);
  void queue_stages(const batch_view& view, const event_memory& events);
  bool counts_again(batch_slot& batch);
  void fetch_events(batch_slot& batch, event_batch& out) const;

  std::shared_ptr<const device_plan> plan_;
  int device_;
  batch_sizes sizes_;
  std::size_t batches_in_flight_;
  bool timed_;
  batch_times times_;
  int multiprocessors_ = 0;
  cuda_stream counting_;
  std::shared_ptr<const device_calibration> calibrated_;
  std::shared_ptr<pinned_frames> pinned_;
  std::mutex lock_;  ///< of the counting stream and its memory
  capacities room_;
  counting_scratch scratch_;
  std::deque<batch_slot> slots_;
  std::vector<batch_slot*> free_;
  std::deque<batch_slot*> submitted_;
  batch_slot* collected_ = nullptr;  ///< the last, until its memory goes to another
  event_view collected_events_;
  std::unique_ptr<device_reducer> reducer_;
};

}  // namespace countem::cuda
