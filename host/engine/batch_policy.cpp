#include "host/engine/batch_policy.hpp"

#include <algorithm>

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
/// The same for a worker that feeds a device: what it reads is still in some cache when the device fetches it, and large enough
/// to be worth a dozen kernel launches.
constexpr std::size_t device_piece_bytes = std::size_t{8} << 20;
/// With live reductions, more: each piece brings a whole summed pattern back from the device.
constexpr std::size_t reduced_piece_bytes = std::size_t{32} << 20;

}  // namespace

batch_sizes choose_batch_sizes(const batch_facts& facts) {
  const std::size_t frame_bytes = std::max<std::size_t>(1, facts.frame_bytes);
  const unsigned threads = std::max(1U, facts.threads);
  const std::size_t piece_bytes = !facts.on_device     ? cached_bytes
                                  : facts.reduced_live ? reduced_piece_bytes
                                                       : device_piece_bytes;
  batch_sizes sizes;
  sizes.batch_frames = facts.asked_batch_frames;
  if (sizes.batch_frames == 0) {
    const std::size_t batch_bytes = std::clamp(all_batches_bytes / threads, least_batch_bytes, most_batch_bytes);
    const std::uint64_t least = facts.on_device ? std::max<std::uint64_t>(1, piece_bytes / frame_bytes) : 1;
    const std::uint64_t share = std::max(least, facts.frames / (batches_per_thread * threads));
    sizes.batch_frames = std::clamp<std::size_t>(std::max(batch_bytes, piece_bytes) / frame_bytes, 1, most_batch_frames);
    sizes.batch_frames = std::min<std::size_t>(sizes.batch_frames, share);
  }
  sizes.piece_frames = std::clamp<std::size_t>(piece_bytes / frame_bytes, 1, sizes.batch_frames);
  if (facts.asked_batch_frames == 0) sizes.batch_frames -= sizes.batch_frames % sizes.piece_frames;
  return sizes;
}

}  // namespace countem::engine
