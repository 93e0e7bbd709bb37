#pragma once

#include <cstddef>
#include <cstdint>

#include <countem/counting.hpp>

#include "kernels/cuda/batch_sizes.hpp"
#include "kernels/cuda/event_memory.hpp"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

/// Device memory that only the counting stream uses; batches share it one after another.
struct counting_scratch {
  device_buffer<std::uint32_t> bits;
  device_buffer<std::int32_t> noise16;
  device_buffer<std::uint32_t> counts;
  device_buffer<std::uint32_t> offsets;
  device_buffer<std::byte> scan;
  device_buffer<std::uint32_t> maxima;

  // Methods whose events are put in order.
  device_buffer<found_event> found;
  device_buffer<sortable_event> bucketed;

  // Method cluster.
  device_buffer<root> thread_overflow;
  device_buffer<root> warp_overflow;
  device_buffer<std::uint32_t> labels;
  device_buffer<std::uint32_t> label_slots;
  device_buffer<label_sums> sums;
  device_buffer<std::uint32_t> labels_needed;

  /// Room for what follows from the setup. @throws cuda_error.
  void reserve(const counting_setup& setup, const batch_sizes& sizes);
  /// Room for what a batch may hold. Contents are lost where it grows: nothing queued may use them. @throws cuda_error.
  void reserve(counting_method method, const capacities& room, const batch_sizes& sizes);

  [[nodiscard]] bucket_memory buckets() const { return {counts.data(), offsets.data()}; }
  [[nodiscard]] component_memory components(const capacities& room) const;
};

}  // namespace countem::cuda
