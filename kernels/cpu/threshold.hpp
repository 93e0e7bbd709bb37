#pragma once

#include <cstddef>
#include <cstdint>

namespace countem::cpu {

/// `rows` rows of `width` pixels, contiguous, and what to compare them with.
template <class Pixel>
struct threshold_block {
  const Pixel* raw = nullptr;
  const Pixel* limits = nullptr;  ///< one a pixel, or null: `everywhere` for all
  Pixel everywhere{};
  std::size_t width = 0;
  std::size_t rows = 0;
};

/// Sets bit c of a row's words where raw > limit; the last word's surplus bits become 0. `hits` holds ceil(width / 64) words a
/// row. A NaN is never above a limit.
void find_hits(const threshold_block<std::uint8_t>& block, std::uint64_t* hits);
void find_hits(const threshold_block<std::uint16_t>& block, std::uint64_t* hits);
void find_hits(const threshold_block<std::uint32_t>& block, std::uint64_t* hits);
void find_hits(const threshold_block<float>& block, std::uint64_t* hits);

}  // namespace countem::cpu
