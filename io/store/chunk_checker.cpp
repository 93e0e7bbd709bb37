#include "io/store/chunk_checker.hpp"

#include <algorithm>

#include <countem/error.hpp>

#include "io/store/chunk.hpp"

namespace countem::io {

void chunk_checker::check(std::span<const std::uint8_t> chunk, const chunk_footer& footer) {
  if (!has_arrived(footer.facts.status)) throw format_error("its chunk says that nothing of it arrived");
  if (((footer.facts.status & status_xray) != 0) != (footer.facts.xrays != 0))
    throw format_error("status and X-ray tally disagree");
  if (footer.events > most_events(chunk.size(), frame_)) throw format_error("the chunk is too short for its events");
  if (with_values_ != ((footer.flags & chunk_footer::has_values) != 0)) {
    throw format_error(with_values_ ? "its values are missing" : "it has values, which the store does not keep");
  }
  events_.resize(footer.events);
  values_.resize(with_values_ ? footer.events : 0);
  chunk_decoding job{chunk, footer, events_, values_, {}};
  decoder_.decode({&job, 1});
  if (!job.fault.empty()) throw format_error(job.fault);

  std::size_t next = 0;
  decoder_.inflate(chunk.first(footer.stream_bytes), [&](std::uint64_t first_byte, std::span<const std::uint8_t> piece) {
    if (!is_dense_form(piece, first_byte, next)) throw format_error("its dense form and its compact indices disagree");
  });
}

/// Whether a piece of the dense form shows the events from the `next` on, which is moved behind them.
bool chunk_checker::is_dense_form(std::span<const std::uint8_t> piece, std::uint64_t first_byte, std::size_t& next) {
  expected_.assign(piece.size(), 0);
  while (next < events_.size()) {
    const std::uint64_t at = std::uint64_t{events_[next]} * frame_.element_bytes - first_byte;
    if (at >= piece.size()) break;
    std::size_t last = next + 1;
    while (last < events_.size() && events_[last] == events_[next]) ++last;
    const std::size_t value = std::min<std::size_t>(last - next, frame_.largest());
    for (unsigned byte = 0; byte < frame_.element_bytes; ++byte)
      expected_[static_cast<std::size_t>(at) + byte] = static_cast<std::uint8_t>(value >> (8 * byte));
    next = last;
  }
  return std::equal(piece.begin(), piece.end(), expected_.begin());
}

}  // namespace countem::io
