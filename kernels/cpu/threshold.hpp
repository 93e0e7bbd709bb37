#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace countem::cpu {

/// The same rows of up to four frames, contiguous in each, and what to compare them with. Four frames at once read each limit
/// once for all of them, and keep four streams from memory going.
template <class Pixel>
struct threshold_block {
  static constexpr std::size_t most_frames = 4;

  std::size_t frames = 0;
  std::array<const Pixel*, most_frames> raw{};
  std::array<std::uint64_t*, most_frames> hits{};  ///< bit c of a row's words: raw > limit at column c; surplus bits become 0
  std::size_t hits_stride = 0;                     ///< words from row to row, at least ceil(width / 64)
  const Pixel* limits = nullptr;                   ///< one a pixel, or null: `everywhere` for all
  Pixel everywhere{};
  std::size_t width = 0;
  std::size_t rows = 0;
};

/// Sets the hit bits. A NaN is never above a limit.
void find_hits(const threshold_block<std::uint8_t>& block);
void find_hits(const threshold_block<std::uint16_t>& block);
void find_hits(const threshold_block<std::uint32_t>& block);
void find_hits(const threshold_block<float>& block);

}  // namespace countem::cpu
