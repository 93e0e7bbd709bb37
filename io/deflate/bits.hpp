#pragma once

#include <cstdint>
#include <cstring>

// Codes as words, and bits into memory.
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

}  // namespace countem::io
