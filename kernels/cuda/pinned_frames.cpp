#include "kernels/cuda/pinned_frames.hpp"

#include <cstring>
#include <iterator>
#include <utility>

namespace countem::cuda {

std::byte* pinned_frames::allocate(std::size_t bytes) {
  const device_scope device(device_);
  pinned_buffer<std::byte> piece(bytes);
  std::byte* const start = piece.data();
  const std::lock_guard held(lock_);
  pieces_.emplace(start, std::move(piece));
  return start;
}

void pinned_frames::release(std::byte* memory) noexcept {
  const std::lock_guard held(lock_);
  pieces_.erase(memory);
}

bool pinned_frames::holds(const std::byte* first, std::size_t bytes) const {
  const std::lock_guard held(lock_);
  const auto after = pieces_.upper_bound(first);
  if (after == pieces_.begin()) return false;
  const auto& [start, piece] = *std::prev(after);
  const auto offset = static_cast<std::size_t>(first - start);
  return offset <= piece.size() && bytes <= piece.size() - offset;
}

const std::byte* start_of_contiguous(std::span<const frame_view> frames, std::size_t frame_bytes) {
  if (frames.empty()) return nullptr;
  const std::byte* const start = frames.front().bands[0];
  const std::byte* expected = start;
  for (const frame_view& frame : frames) {
    const std::size_t band_bytes = frame_bytes / frame.band_count;
    for (std::size_t band = 0; band < frame.band_count; ++band) {
      if (frame.present == 0 || frame.bands[band] == nullptr || frame.bands[band] != expected) return nullptr;
      expected += band_bytes;
    }
  }
  return start;
}

void gather_frames(std::span<const frame_view> frames, std::size_t frame_bytes, std::byte* to) {
  for (const frame_view& frame : frames) {
    const std::size_t band_bytes = frame_bytes / frame.band_count;
    for (std::size_t band = 0; band < frame.band_count && frame.present != 0; ++band) {
      if (frame.bands[band] != nullptr) std::memcpy(to + band * band_bytes, frame.bands[band], band_bytes);
    }
    to += frame_bytes;
  }
}

}  // namespace countem::cuda
