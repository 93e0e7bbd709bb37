#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <countem/counting.hpp>

#include "io/deflate/frame.hpp"

// Training of the frame encoders.
namespace countem::io {

/// Frame encoders that follow the data, as a function of the frames alone: batches and threads do not show in the file.
/// Frames are numbered from the first one observed. Generation g serves frames [2^g - 1, 2^(g+1) - 1) and was trained on a
/// sample of frames [0, 2^g). for_frame() may be called from several threads while later frames are observed.
class encoder_generations {
 public:
  explicit encoder_generations(const dense_layout& frame) : frame_(frame) {}

  /// Learns from a batch. Batches come in frame order, without gaps.
  void observe(const event_batch& events);

  /// The encoder of a frame. @throws invalid_argument for a frame that was not observed.
  [[nodiscard]] std::shared_ptr<const frame_encoder> for_frame(std::uint64_t frame) const;

 private:
  dense_layout frame_;
  symbol_statistics statistics_;
  std::optional<std::uint64_t> first_frame_;
  std::uint64_t observed_ = 0;
  mutable std::mutex mutex_;  // of encoders_
  std::vector<std::shared_ptr<const frame_encoder>> encoders_;
};

}  // namespace countem::io
