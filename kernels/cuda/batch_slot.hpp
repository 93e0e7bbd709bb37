#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/frame.hpp>

#include "kernels/cuda/batch_sizes.hpp"
#include "kernels/cuda/event_memory.hpp"
#include "kernels/cuda/pinned_frames.hpp"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

/// What crosses back about a batch before its events do: totals, then how many events method counts has in each frame, then
/// where each frame's events begin, then each frame's X-rays.
struct report_layout {
  std::uint32_t* words;
  std::size_t frames;

  [[nodiscard]] batch_totals* totals() const { return reinterpret_cast<batch_totals*>(words); }
  [[nodiscard]] std::span<unsigned long long> counted() const {
    return {reinterpret_cast<unsigned long long*>(totals() + 1), frames};
  }
  [[nodiscard]] std::uint32_t* indptr() const { return reinterpret_cast<std::uint32_t*>(counted().data() + frames); }
  [[nodiscard]] std::uint32_t* xrays() const { return indptr() + frames + 1; }
  /// In words.
  static std::size_t size(std::size_t frames) {
    return (sizeof(batch_totals) + frames * sizeof(unsigned long long)) / sizeof(std::uint32_t) + 2 * frames + 1;
  }
};

/// What one batch in flight owns: raw frames, report and events, on the device and in pinned memory, and the streams that bring
/// them there and back.
struct batch_slot {
  /// On the device that is current. @throws cuda_error.
  batch_slot(const batch_sizes& sizes, bool timed);

  /// Notes which frames the batch has, and what arrived of each in pinned memory.
  void take(std::span<const frame_view> of_batch);
  /// Notes frames behind those of the batch.
  void add(std::span<const frame_view> more);
  /// The frames where the device can fetch them: where they are if that is in `pinned`, or gathered band by band into pinned
  /// memory of the slot. What did not arrive is left undefined.
  const std::byte* gather(const pinned_frames& pinned, const batch_sizes& sizes);
  /// Room for `events` events; contents are lost where it grows. @throws cuda_error.
  void reserve(std::uint32_t events, bool with_values);

  [[nodiscard]] report_layout on_device() const { return {report.data(), frames.size()}; }
  [[nodiscard]] report_layout on_host() const { return {report_on_host.data(), frames.size()}; }
  [[nodiscard]] event_output output() const;

  cuda_stream uploading;
  cuda_stream downloading;
  pinned_buffer<std::byte> staged;  ///< made when frames first come from other than pinned memory
  device_buffer<std::byte> raw;
  pinned_buffer<std::uint8_t> staged_arrivals;
  device_buffer<std::uint8_t> arrivals;
  device_buffer<std::uint32_t> report;
  pinned_buffer<std::uint32_t> report_on_host;
  device_buffer<std::uint32_t> indices;
  device_buffer<std::uint32_t> values;
  pinned_buffer<std::uint32_t> indices_on_host;
  pinned_buffer<std::uint32_t> values_on_host;
  cuda_event upload_begins;
  cuda_event uploaded;
  cuda_event count_begins;
  cuda_event counted;
  cuda_event reported;
  std::vector<frame_view> frames;  ///< of the batch; their bytes are read by gather() only
  capacities room;                 ///< what it was queued with; the counter's may have grown since
};

}  // namespace countem::cuda
