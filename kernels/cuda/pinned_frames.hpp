#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <span>

#include <countem/frame.hpp>

#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

/// Page-locked memory for raw frames, and where it is. For several threads at once.
class pinned_frames final : public frame_memory {
 public:
  explicit pinned_frames(int device) : device_(device) {}

  std::byte* allocate(std::size_t bytes) override;
  void release(std::byte* memory) noexcept override;

  /// Whether [first, first + bytes) lies within one piece of it.
  [[nodiscard]] bool holds(const std::byte* first, std::size_t bytes) const;

 private:
  int device_;
  mutable std::mutex lock_;
  std::map<const std::byte*, pinned_buffer<std::byte>, std::less<>> pieces_;
};

/// First byte of frames that lie in memory one after the other, nothing missing; null for others.
[[nodiscard]] const std::byte* start_of_contiguous(std::span<const frame_view> frames, std::size_t frame_bytes);

/// Puts frames one after the other, band by band. What did not arrive is left as it is.
void gather_frames(std::span<const frame_view> frames, std::size_t frame_bytes, std::byte* to);

}  // namespace countem::cuda
