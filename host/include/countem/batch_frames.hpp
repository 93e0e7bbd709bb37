#pragma once

#include <cstdint>
#include <span>

namespace countem {

/// How many frames from `first` on are read at a time: one at least, `most` and the frames there are at most, and no more than
/// brings a batch to some 2^18 events for each thread. The caches hold these, so that memory is taken and filled once, however
/// many events there are per frame.
/// @param counts [frame] events of each frame of the store, event_store::counts()
/// @param first less than the number of frames
/// @param most frames, 1 or more
/// @param threads that read; 0: all cores
[[nodiscard]] std::uint64_t batch_frames(std::span<const std::uint32_t> counts, std::uint64_t first, std::uint64_t most,
                                         unsigned threads = 0);

}  // namespace countem
