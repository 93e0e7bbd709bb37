#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

// What RFC 1950 and RFC 1951 fix, shared by frame_encoder and frame_decoder.
namespace countem::io {

static_assert(std::endian::native == std::endian::little, "bit streams are moved eight bytes at a time");

inline constexpr unsigned end_of_block = 256;
inline constexpr unsigned first_length_symbol = 257;
inline constexpr unsigned longest_match = 258;
inline constexpr unsigned longest_literal_code = 15;
inline constexpr unsigned longest_code_length_code = 7;

inline constexpr std::array<std::uint16_t, 29> length_base = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                              31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
inline constexpr std::array<std::uint8_t, 29> length_extra_bits = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                                   2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
/// The order in which a block header gives the lengths of the codes for code lengths.
inline constexpr std::array<std::uint8_t, 19> code_length_order = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                                   11, 4,  12, 3, 13, 2, 14, 1, 15};

/// Index into length_base of a match length, 3 to 258.
[[nodiscard]] unsigned length_code(unsigned length);

/// Lengths of an optimal-but-for-the-limit prefix code; 0 for symbols that do not occur. A single symbol gets one bit.
void huffman_lengths(std::span<const std::uint64_t> occurrences, unsigned longest, std::span<std::uint8_t> lengths);

/// The codes that RFC 1951 assigns to these lengths, first bit lowest, as they go into the stream.
void canonical_codes(std::span<const std::uint8_t> lengths, std::span<std::uint16_t> codes);

/// Whether the lengths make a complete prefix code: every sequence of bits means something.
[[nodiscard]] bool is_complete_code(std::span<const std::uint8_t> lengths);

/// Adler-32 (RFC 1950) of a run of `bytes` bytes that are zero but for those added.
class sparse_adler32 {
 public:
  explicit sparse_adler32(std::uint64_t bytes) : bytes_(bytes) {}

  /// One byte at offset `at`.
  void add(std::uint64_t at, std::uint32_t value) {
    sum_ += value;
    weighted_ += (bytes_ - at) * value;
    // Divisions only when needed: a frame has at most 2^33 bytes, so that this far from the end nothing wraps.
    constexpr std::uint64_t nearly_full = std::uint64_t{1} << 62U;
    if (weighted_ >= nearly_full) weighted_ %= modulus;
  }
  /// `count` bytes of value 1, their offsets adding up to stride * positions.
  void add_ones(std::uint64_t count, std::uint64_t positions, unsigned stride) {
    const std::uint64_t offsets = positions % modulus * stride % modulus;
    sum_ = (sum_ + count) % modulus;
    weighted_ = (weighted_ % modulus + count % modulus * (bytes_ % modulus) + modulus - offsets) % modulus;
  }
  [[nodiscard]] std::uint32_t value() const {
    return static_cast<std::uint32_t>((bytes_ + weighted_ % modulus) % modulus << 16 | (1 + sum_) % modulus);
  }

 private:
  static constexpr std::uint64_t modulus = 65521;
  std::uint64_t bytes_;
  std::uint64_t sum_ = 0;
  std::uint64_t weighted_ = 0;
};

}  // namespace countem::io
