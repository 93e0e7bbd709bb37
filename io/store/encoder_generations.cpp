#include "io/store/encoder_generations.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
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
  if (events.frames() == 0) return;
  begin_run(events.first_frame);
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

void encoder_generations::begin_run(std::uint64_t first_frame) {
  const std::lock_guard lock(mutex_);
  const bool follows = !runs_.empty() && first_frame - runs_.back().first_frame == observed_ - runs_.back().number;
  if (!follows) runs_.push_back({first_frame, observed_});
}

std::shared_ptr<const frame_encoder> encoder_generations::for_frame(std::uint64_t frame) const {
  const std::lock_guard lock(mutex_);
  const auto behind = std::ranges::upper_bound(runs_, frame, {}, &run::first_frame);
  std::size_t generation = encoders_.size();
  if (behind != runs_.begin()) {
    const run& holder = *std::prev(behind);
    const std::uint64_t number = holder.number + (frame - holder.first_frame);
    if (behind == runs_.end() || number < behind->number) generation = std::bit_width(number + 1) - 1U;
  }
  if (generation >= encoders_.size())
    throw invalid_argument("frame " + std::to_string(frame) + " is encoded before it was observed");
  return encoders_[generation];
}

}  // namespace countem::io
