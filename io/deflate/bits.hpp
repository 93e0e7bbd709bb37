#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

// Codes as words, bits into memory and out of it.
namespace countem::io {

/// Up to 56 bits of code, their number in the top byte; 0: no code.
using packed_code = std::uint64_t;
inline constexpr unsigned longest_packed = 56;
inline constexpr packed_code packed_bits = (packed_code{1} << longest_packed) - 1;

inline unsigned bits_of(packed_code packed) {
  return static_cast<unsigned>(packed >> longest_packed);
}
inline packed_code pack(std::uint64_t code, unsigned bits) {
  return code | packed_code{bits} << longest_packed;
}
inline bool fits(packed_code first, packed_code second) {
  return bits_of(first) + bits_of(second) <= longest_packed;
}
inline packed_code join(packed_code first, packed_code second) {
  return pack((first & packed_bits) | (second & packed_bits) << bits_of(first), bits_of(first) + bits_of(second));
}
/// What is spelled before the last symbol.
inline packed_code without_last(packed_code packed, packed_code last) {
  const unsigned bits = bits_of(packed) - bits_of(last);
  return pack(packed & ((packed_code{1} << bits) - 1), bits);
}

/// Bits into memory, eight bytes at a time; what lies behind `at` is overwritten up to seven bytes on.
struct bit_writer {
  std::uint8_t* at = nullptr;
  std::uint64_t pending = 0;
  unsigned bits = 0;  ///< of pending, below 8 between calls

  void put(packed_code packed) {
    pending |= (packed & packed_bits) << bits;
    bits += bits_of(packed);
    std::memcpy(at, &pending, sizeof pending);
    const unsigned whole = bits / 8;
    at += whole;
    pending >>= 8 * whole;
    bits %= 8;
  }
  void put(std::uint64_t code, unsigned count) { put(pack(code, count)); }
};

/// The lowest `count` bits set.
constexpr std::uint64_t low_bits(unsigned count) {
  return (std::uint64_t{1} << count) - 1;
}

/// The bits of a stream, lowest first; zeros after its end.
class bit_reader {
 public:
  bit_reader(std::span<const std::uint8_t> stream, std::uint64_t position) : stream_(stream), position_(position) {}

  /// At least the next 56 bits.
  [[nodiscard]] std::uint64_t peek() const {
    const auto byte = static_cast<std::size_t>(position_ / 8);
    std::uint64_t word = 0;
    if (byte + sizeof word <= stream_.size()) {
      std::memcpy(&word, stream_.data() + byte, sizeof word);
    } else if (byte < stream_.size()) {
      std::memcpy(&word, stream_.data() + byte, stream_.size() - byte);
    }
    return word >> (position_ % 8);
  }
  void skip(unsigned bits) { position_ += bits; }
  [[nodiscard]] unsigned take(unsigned bits) {
    const std::uint64_t value = peek() & low_bits(bits);
    skip(bits);
    return static_cast<unsigned>(value);
  }
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] bool past_end() const { return position_ > std::uint64_t{stream_.size()} * 8; }

 private:
  std::span<const std::uint8_t> stream_;
  std::uint64_t position_;
};

}  // namespace countem::io
