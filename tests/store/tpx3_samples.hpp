#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

// TPX3 files put together bit by bit.
namespace countem::test {

/// A hit at a time in sixteenths of 25 ns.
inline std::uint64_t tpx3_pixel(std::uint64_t row, std::uint64_t column, std::uint64_t time, std::uint64_t charge = 10) {
  const std::uint64_t coarse = (time + 15) / 16;
  const std::uint64_t fine = coarse * 16 - time;
  const std::uint64_t address = column / 2 << 9U | row / 4 << 3U | column % 2 << 2U | row % 4;
  return std::uint64_t{0xb} << 60U | address << 44U | (coarse & 0x3fffU) << 30U | charge << 20U | fine << 16U |
         (coarse >> 14U & 0xffffU);
}

inline std::uint64_t tpx3_mark(std::uint64_t time, std::uint64_t edge = 0x6f) {
  return edge << 56U | (time / 2 & 0x7'ffff'ffffU) << 9U | 1U << 5U;
}

/// Words in chunks of so many, each behind a header.
inline std::vector<std::uint64_t> tpx3_chunks(const std::vector<std::uint64_t>& words, std::uint64_t chip = 0,
                                              std::size_t words_a_chunk = 100) {
  std::vector<std::uint64_t> chunks;
  for (std::size_t first = 0; first < words.size(); first += words_a_chunk) {
    const std::size_t count = std::min(words_a_chunk, words.size() - first);
    chunks.push_back(0x33585054U | chip << 32U | std::uint64_t{count * 8} << 48U);
    const auto begin = words.begin() + static_cast<std::ptrdiff_t>(first);
    chunks.insert(chunks.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
  }
  return chunks;
}

inline std::string bytes_of(const std::vector<std::uint64_t>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(std::uint64_t)};
}

/// Two positions that marks begin, with an electron of two hits in the first and one of one hit in the second.
inline std::string two_positions() {
  return bytes_of(tpx3_chunks({tpx3_mark(10'000), tpx3_pixel(3, 5, 10'100, 30), tpx3_pixel(4, 6, 10'150, 10), tpx3_mark(20'000),
                               tpx3_pixel(200, 100, 20'500)}));
}

}  // namespace countem::test
