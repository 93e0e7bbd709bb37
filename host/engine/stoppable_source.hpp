#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <countem/error.hpp>
#include <countem/frame_source.hpp>

namespace countem::engine {

/// Frames that can be read until somebody wants to stop, for work without a flag of its own: darks may be as many as a scan has
/// frames. Neither the frames nor the flag are owned.
class stoppable_source final : public frame_source {
 public:
  /// `words`: what reading throws once `stop` is raised.
  stoppable_source(const frame_source& frames, const std::atomic<bool>& stop, std::string words)
      : frames_(frames), stop_(stop), words_(std::move(words)) {}

  [[nodiscard]] const source_info& info() const override { return frames_.info(); }
  /// @throws interrupted
  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    if (stop_.load(std::memory_order_relaxed)) throw interrupted(words_);
    frames_.read(first, count, batch);
  }

 private:
  const frame_source& frames_;
  const std::atomic<bool>& stop_;
  std::string words_;
};

}  // namespace countem::engine
