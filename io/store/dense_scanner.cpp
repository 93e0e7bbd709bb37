#include "io/store/dense_scanner.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include <countem/error.hpp>

namespace countem::io {

void dense_scanner::take(std::uint64_t first_byte, std::span<const std::uint8_t> piece) {
  for (std::size_t at = 0; at < piece.size() && !too_many_;) {
    // Sparse frames are mostly zeros: eight bytes are read at once.
    std::uint64_t word = 0;
    if (at % 8 == 0 && at + sizeof word <= piece.size()) {
      std::memcpy(&word, piece.data() + at, sizeof word);
      if (word == 0) {
        at += sizeof word;
        continue;
      }
    }
    std::size_t multiplicity = piece[at];
    if (frame_.element_bytes == 2) multiplicity |= static_cast<std::size_t>(piece[at + 1]) << 8U;
    too_many_ = multiplicity > events_.size() - found_;
    if (too_many_) break;
    std::fill_n(events_.begin() + static_cast<std::ptrdiff_t>(found_), multiplicity,
                static_cast<std::uint32_t>((first_byte + at) / frame_.element_bytes));
    found_ += multiplicity;
    at += frame_.element_bytes;
  }
}

void dense_scanner::finish() const {
  if (!too_many_ && found_ == events_.size()) return;
  throw format_error("the dense frame does not hold the " + std::to_string(events_.size()) + " events that its count says");
}

}  // namespace countem::io
