#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <span>

#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

/// Maps of pixels in the memory of one device, each of which crosses once. For several threads at once.
class kept_maps {
 public:
  /// Where the map is on the device that is current; copied there, and waited for, when it is first asked for. A map is known
  /// by its address: it stays there, unchanged. @throws cuda_error.
  const std::byte* on_device(std::span<const std::byte> map, const cuda_stream& stream);

 private:
  std::mutex lock_;
  std::map<const std::byte*, device_buffer<std::byte>> maps_;
};

/// The sum and the maximum of all frames that a device counted, in its memory until someone asks. For several threads at once.
class kept_patterns {
 public:
  /// On the device that is current, as later. Of so many pixels each; 0: not kept. @throws cuda_error.
  kept_patterns(std::size_t sum_pixels, std::size_t maximum_pixels);

  /// Adds events to the sum, raises the maximum by them, and waits. @throws cuda_error.
  void add(const event_list& events, const cuda_stream& stream);
  /// Adds to `sum` and raises `maximum` what was added so far; either may be empty. @throws cuda_error.
  void read(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum);

 private:
  std::shared_mutex lock_;  ///< shared by those who add, which is atomic
  device_buffer<unsigned long long> sum_;
  device_buffer<std::uint32_t> maximum_;
};

}  // namespace countem::cuda
