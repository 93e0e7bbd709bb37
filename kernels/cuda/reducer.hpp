#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <countem/reductions.hpp>

#include "kernels/cuda/kept_reductions.hpp"
#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

/// The reductions on the device that is current when it is made: events cross to the device once, or were counted there; each
/// result crosses back. Every call waits for what it queued, so between calls nothing uses the buffers.
class device_reducer final : public event_reducer {
 public:
  /// `kept`: maps that reducers of the device share; null: they cross with each call.
  explicit device_reducer(std::shared_ptr<kept_maps> kept = nullptr) : kept_(std::move(kept)) {}

  /// Instead of load(): events that lie in the device's memory already, nothing queued that writes them, `events` their host
  /// copy. Their memory belongs to the caller, who keeps it until the next load.
  void load_resident(const event_view& events, const std::uint32_t* indices);

  /// Adds the events to patterns that stay on the device.
  void add_to(kept_patterns& patterns) const;

 private:
  void do_keep_maps() override;
  void do_load() override;
  void do_counts(std::span<std::uint32_t> out) override;
  void do_add_sum(std::span<std::uint64_t> image) override;
  void do_raise_maximum(std::span<std::uint32_t> image) override;
  void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) override;
  void do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) override;
  void do_moments(std::span<event_moments> out) override;
  void do_second_moments(const detector_masks* within, std::span<event_second_moments> out) override;
  void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) override;
  void do_bin(std::uint32_t factor, event_batch& out) override;
  void do_crop(const detector_window& window, event_batch& out) override;

  [[nodiscard]] event_list list() const;
  void upload_starts();
  template <class T>
  const T* upload_map(const std::vector<T>& map);
  template <class T, class Queue>
  std::span<const T> run(std::size_t size, Queue queue);

  cuda_stream stream_;
  host_transfer transfer_;
  device_buffer<std::uint64_t> indptr_;
  device_buffer<std::uint32_t> loaded_;  ///< the events that load() brought
  const std::uint32_t* indices_ = nullptr;
  device_buffer<std::uint64_t> starts_;
  std::shared_ptr<kept_maps> kept_;
  device_buffer<std::byte> map_;
  device_buffer<std::byte> out_;
  pinned_buffer<std::byte> result_;
};

}  // namespace countem::cuda
