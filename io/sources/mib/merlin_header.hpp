#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/sources/placed_source.hpp"

// MIB: before every frame an ASCII header, filled up with zeros, of fields between commas:
//   0 "MQ1"             4 width    8 chip select
//   1 number, from 1    5 height   9 date and time of the frame
//   2 bytes of header   6 pixels: U08, U16, U32 (big-endian), or R64: as the chips give them
//   3 chips             7 layout of the chips: 1x1, 2x2, 2x2G, Nx1      last: bits of the counters
namespace countem::io {

inline constexpr std::string_view merlin_magic = "MQ1,";
/// More than any header has: 384 bytes for one chip, 768 for four.
inline constexpr std::size_t longest_merlin_header = 8192;
/// Less than any header has: what is kept for a frame stays below what its header takes in the file.
inline constexpr std::size_t shortest_merlin_header = 128;

/// What is the same for all frames of a scan.
struct merlin_layout {
  std::uint64_t header_bytes = 0;
  std::uint32_t width = 0;  ///< as the header has them: of R64 not those of the image
  std::uint32_t height = 0;
  std::uint32_t chips = 0;
  std::string pixels;  ///< field 6
  std::string arrangement;
  std::uint32_t bits = 0;  ///< of R64; else 0

  friend bool operator==(const merlin_layout&, const merlin_layout&) = default;
};

struct merlin_header {
  std::uint64_t number = 0;  ///< from 1
  merlin_layout layout;
  std::optional<std::uint64_t> microsecond{};  ///< of the day
};

/// Nothing when the bytes are not a whole header.
[[nodiscard]] std::optional<merlin_header> merlin_header_of(std::string_view bytes);

/// How the pixels behind such a header are read (merlin_pixels.cpp). @throws format_error
[[nodiscard]] frame_coding merlin_coding(const merlin_layout& layout, const std::string& file);

}  // namespace countem::io
