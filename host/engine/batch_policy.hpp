#pragma once

#include <cstddef>
#include <cstdint>

#include <countem/types.hpp>

namespace countem::engine {

/// Most frames of a batch that a device takes.
[[nodiscard]] std::size_t most_device_frames(frame_shape shape);

/// What decides how many frames are counted at a time.
struct batch_facts {
  std::size_t frame_bytes = 1;
  std::uint64_t frames = 0;  ///< to be counted in all
  unsigned threads = 1;
  bool on_device = false;              ///< and nowhere else
  std::size_t asked_batch_frames = 0;  ///< 0: chosen here
};

/// A batch is what observe, encode and write get at a time, and what is mapped at a time. A worker counts it in pieces.
struct batch_sizes {
  std::size_t batch_frames = 1;
  std::size_t piece_frames = 1;  ///< at most batch_frames
};

/// Both are at least 1, whatever the facts. A batch that is chosen here is a whole number of pieces.
[[nodiscard]] batch_sizes choose_batch_sizes(const batch_facts& facts);

}  // namespace countem::engine
