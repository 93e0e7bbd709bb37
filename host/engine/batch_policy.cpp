#include "host/engine/batch_policy.hpp"

#include <algorithm>

#include <countem/device_counter.hpp>

namespace countem::engine {

namespace {

/// Where frames are read, a worker counts this much raw data at a time: it fits the second-level cache of any machine of this
/// decade.
constexpr std::size_t cached_bytes = std::size_t{3} << 18;
/// A batch is large, since every core is interrupted when pages are unmapped; but not so large that the end of a scan has work
/// for one thread only, or that all threads together map much memory.
constexpr std::size_t most_batch_bytes = std::size_t{64} << 20;
constexpr std::size_t least_batch_bytes = std::size_t{8} << 20;
constexpr std::size_t all_batches_bytes = std::size_t{512} << 20;
constexpr std::size_t most_batch_frames = 4096;
constexpr std::uint64_t batches_per_thread = 8;
/// What only devices count is worth a dozen kernel launches each time; all of it fits the slots, however many threads fill
/// them.
constexpr std::size_t least_device_batch_bytes = std::size_t{32} << 20;
constexpr std::size_t least_device_share_bytes = std::size_t{8} << 20;

}  // namespace

std::size_t most_device_frames(frame_shape shape) {
  return std::clamp<std::size_t>(static_cast<std::size_t>(max_pixels / std::max<std::uint64_t>(1, shape.pixels())), 1,
                                 cuda::most_batch_frames);
}

batch_sizes choose_batch_sizes(const batch_facts& facts) {
  const std::size_t frame_bytes = std::max<std::size_t>(1, facts.frame_bytes);
  const unsigned threads = std::max(1U, facts.threads);
  batch_sizes sizes;
  sizes.batch_frames = facts.asked_batch_frames;
  if (sizes.batch_frames == 0) {
    const std::size_t batch_bytes = std::clamp(
        all_batches_bytes / threads, facts.on_device ? least_device_batch_bytes : least_batch_bytes, most_batch_bytes);
    const std::uint64_t least = facts.on_device ? std::max<std::uint64_t>(1, least_device_share_bytes / frame_bytes) : 1;
    const std::uint64_t share = std::max(least, facts.frames / (batches_per_thread * threads));
    sizes.batch_frames = std::clamp<std::size_t>(batch_bytes / frame_bytes, 1, most_batch_frames);
    sizes.batch_frames = std::min<std::size_t>(sizes.batch_frames, share);
  }
  sizes.piece_frames = std::clamp<std::size_t>(cached_bytes / frame_bytes, 1, sizes.batch_frames);
  if (facts.asked_batch_frames == 0) sizes.batch_frames -= sizes.batch_frames % sizes.piece_frames;
  return sizes;
}

}  // namespace countem::engine
