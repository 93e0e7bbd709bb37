#include "io/store/encoder_generations.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

namespace countem::io {

namespace {

/// At most 64 frames of each power of two, evenly spread.
bool is_sampled(std::uint64_t number) {
  return number % std::max<std::uint64_t>(1, std::bit_floor(number + 1) / 64) == 0;
}

}  // namespace

void encoder_generations::observe(const event_batch& events) {
  if (!first_frame_) first_frame_ = events.first_frame;
  for (std::size_t i = 0; i < events.frames(); ++i) {
    const std::uint64_t number = observed_++;
    if (is_sampled(number) && has_arrived(events.status[i])) statistics_.add(events.events(i), frame_);
    if (std::has_single_bit(number + 1)) {
      auto made = std::make_shared<const frame_encoder>(statistics_, frame_);
      const std::lock_guard lock(mutex_);
      encoders_.push_back(std::move(made));
    }
  }
}

std::shared_ptr<const frame_encoder> encoder_generations::for_frame(std::uint64_t frame) const {
  const std::lock_guard lock(mutex_);
  const std::size_t generation =
      first_frame_ && frame >= *first_frame_ ? std::bit_width(frame - *first_frame_ + 1) - 1U : encoders_.size();
  if (generation >= encoders_.size())
    throw invalid_argument("frame " + std::to_string(frame) + " is encoded before it was observed");
  return encoders_[generation];
}

}  // namespace countem::io
