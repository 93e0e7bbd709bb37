#include "io/store/frame_appender.hpp"

#include <bit>
#include <utility>

namespace countem::io {

static_assert(std::endian::native == std::endian::little, "numbers lie in the file as they lie in memory");

std::optional<frame_appender> frame_appender::open(const file_handle& file, const chunked_dataset& chunks,
                                                   const frame_numbers& numbers) {
  const bool are_there =
      numbers.counts != undefined_address && numbers.status != undefined_address && numbers.xrays != undefined_address;
  std::optional<chunk_appender> opened = are_there ? chunk_appender::open(file, chunks) : std::nullopt;
  return opened ? std::optional(frame_appender(file, std::move(*opened), numbers)) : std::nullopt;
}

void frame_appender::put(const stored_frame& frame) {
  constexpr std::size_t most_waiting = std::size_t{1} << 16U;
  if (!frame.chunk.empty()) chunks_.append(frame.facts.frame, frame.chunk);
  if (frame.facts.frame != first_ + counts_.size() || counts_.size() == most_waiting) {
    write_numbers();
    first_ = frame.facts.frame;
  }
  counts_.push_back(frame.events);
  status_.push_back(frame.facts.status);
  xrays_.push_back(frame.facts.xrays);
}

void frame_appender::publish() {
  chunks_.publish();
  write_numbers();
}

void frame_appender::finish() {
  const bool whole = !chunks_.has_failed();
  chunks_.finish();
  if (whole) write_numbers();
}

void frame_appender::write_numbers() {
  file_->write_at(numbers_.counts + first_ * sizeof counts_[0], counts_.data(), counts_.size() * sizeof counts_[0]);
  file_->write_at(numbers_.status + first_ * sizeof status_[0], status_.data(), status_.size() * sizeof status_[0]);
  file_->write_at(numbers_.xrays + first_ * sizeof xrays_[0], xrays_.data(), xrays_.size() * sizeof xrays_[0]);
  counts_.clear();
  status_.clear();
  xrays_.clear();
}

}  // namespace countem::io
