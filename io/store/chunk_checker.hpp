#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/event_store.hpp>

#include "io/deflate/frame.hpp"
#include "io/store/chunk_decoder.hpp"
#include "io/store/chunk_footer.hpp"

namespace countem::io {

/// Checks whole chunks: what countem reads of them must be what every other program sees. One per thread.
class chunk_checker {
 public:
  /// `with_values`: whether the store keeps a value per event.
  chunk_checker(const dense_layout& frame, bool with_values) : frame_(frame), with_values_(with_values), decoder_(frame) {}

  /// Decodes the chunk by all its ways and compares them. `footer` is the chunk's, its CRC right.
  /// @throws format_error naming neither file nor frame
  void check(std::span<const std::uint8_t> chunk, const chunk_footer& footer);

 private:
  bool is_dense_form(std::span<const std::uint8_t> piece, std::uint64_t first_byte, std::size_t& next);

  dense_layout frame_;
  bool with_values_;
  chunk_decoder decoder_;
  std::vector<std::uint32_t> events_;
  std::vector<std::uint32_t> values_;
  std::vector<std::uint8_t> expected_;
};

}  // namespace countem::io
