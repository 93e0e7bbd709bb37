#include <fmt/format.h>

#include <cstring>

#include <countem/error.hpp>

#include "io/sources/mib/merlin_header.hpp"
#include "io/sources/sources.hpp"

// R64: pixels as the chips give them, in words of 64 bits, of which the last pixel comes first.
//    1 bit    64 pixels in a word        6 bits   a byte per pixel, 8 in a word
//   12 bits   2 bytes per pixel, 4 in a word, high byte first
//   24 bits   two images of 12 bits, the high bits first; the header's width counts both
// Of four chips (2x2) each row of the file is a row of chip 4, 3, 2 and 1; 1 and 2 are the upper half of the image, 3 and 4 the
// lower one, turned by 180 degrees.
namespace countem::io {

namespace {

std::uint64_t wide_row_bytes(std::uint64_t pixels, std::uint32_t bits) {
  return bits == 1 ? pixels / 8 : bits == 6 ? pixels : 2 * pixels;
}

std::uint8_t one_bit(const std::byte* row, std::size_t column) {
  const std::byte byte = row[column / 64 * 8 + 7 - column % 64 / 8];
  return std::to_integer<std::uint8_t>(byte >> (column % 8) & std::byte{1});
}

std::uint8_t one_byte(const std::byte* row, std::size_t column) {
  return std::to_integer<std::uint8_t>(row[column / 8 * 8 + 7 - column % 8]);
}

std::uint16_t two_bytes(const std::byte* row, std::size_t column) {
  const std::byte* const at = row + 2 * (column / 4 * 4 + 3 - column % 4);
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) << 8 | std::to_integer<unsigned>(at[1]));
}

/// The geometry of one frame of R64.
struct raw_chips {
  frame_shape image{};
  bool quad = false;
  std::uint64_t file_row_bytes = 0;  ///< of all chips
  std::uint64_t chip_row_bytes = 0;

  /// Calls put(pixel of the image, row of a chip in the file, column in it) for each pixel.
  template <class Put>
  void for_pixels(const std::byte* packed, Put put) const {
    const std::size_t half_height = image.height / 2;
    const std::size_t half_width = image.width / 2;
    for (std::size_t y = 0; y < image.height; ++y) {
      const bool lower = quad && y >= half_height;
      const std::byte* const file_row = packed + (lower ? image.height - 1 - y : y) * file_row_bytes;
      for (std::size_t x = 0; x < image.width; ++x) {
        const std::size_t pixel = y * image.width + x;
        if (!quad) {
          put(pixel, file_row, x);
          continue;
        }
        const bool right = x >= half_width;
        const std::size_t place = lower ? (right ? 0 : 1) : (right ? 2 : 3);
        const std::size_t column = right ? x - half_width : x;
        put(pixel, file_row + place * chip_row_bytes, lower ? half_width - 1 - column : column);
      }
    }
  }
};

template <class Pixel, class Take>
auto unpacking(const raw_chips& chips, Take take) {
  return [chips, take](const std::byte* packed, std::byte* pixels) {
    chips.for_pixels(packed, [&](std::size_t pixel, const std::byte* row, std::size_t column) {
      const Pixel value = take(row, column);
      std::memcpy(pixels + pixel * sizeof(Pixel), &value, sizeof(Pixel));
    });
  };
}

frame_coding raw_coding(const merlin_layout& layout, const std::string& file) {
  const bool quad = layout.chips == 4 && layout.arrangement.starts_with("2x2");
  if (!quad && layout.chips != 1) {
    throw format_error(
        fmt::format("{}: pixels of type R64 of {} chips in the layout {} cannot be read: those of one chip or of 2x2 can; save "
                    "them as U08, "
                    "U16 or U32",
                    file, layout.chips, layout.arrangement));
  }
  const std::uint32_t images = layout.bits == 24 ? 2 : 1;
  const std::uint32_t columns = quad ? 4 : 1;  // chips beside each other in the file
  const std::uint32_t chip_width = layout.width / images / columns;
  const std::uint32_t word = layout.bits == 1 ? 64 : layout.bits == 6 ? 8 : 4;
  const bool known_bits = layout.bits == 1 || layout.bits == 6 || layout.bits == 12 || layout.bits == 24;
  if (!known_bits || chip_width % word != 0 || chip_width * images * columns != layout.width || layout.height > 0x7fff'ffff) {
    throw format_error(
        fmt::format("{}: claims pixels of type R64 with {} bits, {} a row of {} chips: there are 1, 6, 12 and 24, "
                    "and rows are whole words of 64 bits",
                    file, layout.bits, layout.width, layout.chips));
  }
  raw_chips chips;
  chips.quad = quad;
  chips.image = quad ? frame_shape{2 * layout.height, 2 * chip_width} : frame_shape{layout.height, chip_width};
  chips.chip_row_bytes = wide_row_bytes(chip_width, layout.bits);
  chips.file_row_bytes = columns * chips.chip_row_bytes;
  check_frame_shape(chips.image, file);
  const std::uint64_t image_bytes = layout.height * chips.file_row_bytes;
  frame_coding coding{.shape = chips.image, .packed_bytes = images * image_bytes};
  switch (layout.bits) {
    case 1:
      coding.type = stored_type::u8;
      coding.unpack = unpacking<std::uint8_t>(chips, one_bit);
      break;
    case 6:
      coding.type = stored_type::u8;
      coding.unpack = unpacking<std::uint8_t>(chips, one_byte);
      break;
    case 12:
      coding.type = stored_type::u16;
      coding.unpack = unpacking<std::uint16_t>(chips, two_bytes);
      break;
    default:
      coding.type = stored_type::u32;
      coding.unpack = unpacking<std::uint32_t>(chips, [image_bytes](const std::byte* row, std::size_t column) {
        return (std::uint32_t{two_bytes(row, column)} << 12) + two_bytes(row + image_bytes, column);
      });
  }
  return coding;
}

}  // namespace

frame_coding merlin_coding(const merlin_layout& layout, const std::string& file) {
  if (layout.pixels == "R64") return raw_coding(layout, file);
  frame_coding coding{.shape = {layout.height, layout.width}, .big_endian = true};
  check_frame_shape(coding.shape, file);
  if (layout.pixels == "U08") {
    coding.type = stored_type::u8;
  } else if (layout.pixels == "U16") {
    coding.type = stored_type::u16;
  } else if (layout.pixels == "U32") {
    coding.type = stored_type::u32;
  } else {
    throw format_error(fmt::format("{}: pixels of type '{}' cannot be read: U08, U16, U32 and R64 can", file, layout.pixels));
  }
  return coding;
}

}  // namespace countem::io
