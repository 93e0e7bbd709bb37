#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <countem/counting.hpp>

#include "io/deflate/frame.hpp"

// Training of the frame encoders.
namespace countem::io {

/// Frame encoders that follow the data, as a function of the frames alone: batches and threads do not show in the file.
/// Frames are numbered as they are observed, from 0; some may be left out, as where several processes share a scan. Generation
/// g serves frames [2^g - 1, 2^(g+1) - 1) and was trained on a sample of frames [0, 2^g). for_frame() may be called from
/// several threads while later frames are observed.
class encoder_generations {
 public:
  explicit encoder_generations(const dense_layout& frame) : frame_(frame) {}

  /// Learns from a batch. Batches come in frame order.
  void observe(const event_batch& events);

  /// The encoder of a frame. @throws invalid_argument for a frame that was not observed.
  [[nodiscard]] std::shared_ptr<const frame_encoder> for_frame(std::uint64_t frame) const;

 private:
  /// Frames that follow one another.
  struct run {
    std::uint64_t first_frame;
    std::uint64_t number;  ///< of the first of them, as they are observed
  };

  void begin_run(std::uint64_t first_frame);

  dense_layout frame_;
  symbol_statistics statistics_;
  std::uint64_t observed_ = 0;
  mutable std::mutex mutex_;  // of what follows
  std::vector<run> runs_;
  std::vector<std::shared_ptr<const frame_encoder>> encoders_;
};

}  // namespace countem::io
