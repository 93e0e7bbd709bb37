#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include <countem/error.hpp>

#include "io/sources/flat/flat_source.hpp"
#include "io/sources/mrc/entries.hpp"
#include "io/sources/mrc/movie_description.hpp"
#include "io/sources/stated_axes.hpp"

// MRC2014: 1024 bytes of 4-byte words, then the extended header (word 24 holds its bytes), then the sections.
// Word 1 nx (columns), 2 ny (rows), 3 nz (sections: our frames), 4 mode, 8 to 10 pixels of the cell, 11 to 13 its sides in A,
// 20 and 21 least and largest pixel (f32), 53 "MAP ", 54 machine stamp.
namespace countem::io {

namespace {

using header_bytes = std::array<std::byte, 1024>;
constexpr std::int32_t half_bytes = 101;

std::int32_t word(const header_bytes& header, std::size_t number, bool big_endian) {
  std::array<std::byte, 4> bytes{};
  std::memcpy(bytes.data(), &header[4 * (number - 1)], 4);
  if (big_endian) swap_bytes(bytes.data(), 1, 4);
  std::int32_t value = 0;
  std::memcpy(&value, bytes.data(), 4);
  return value;
}

/// The stamp defines it; files without one are in the order in which their mode is a small number.
bool is_big_endian(const header_bytes& header) {
  const auto stamp = static_cast<unsigned char>(header[212]);
  if (stamp == 0x11) return true;
  if (stamp == 0x44) return false;
  const std::int32_t mode = word(header, 4, false);
  return mode < 0 || mode > 0xffff;
}

float real_word(const header_bytes& header, std::size_t number, bool big_endian) {
  return std::bit_cast<float>(word(header, number, big_endian));
}

/// IMOD marks its files with "IMOD" in word 39; unless bit 0 of word 40 is set, its mode 0 is unsigned.
/// Without the mark, MRC2014 defines them as signed, but many programs write unsigned ones: the header's largest pixel decides.
stored_type type_of_bytes(const header_bytes& header, bool big_endian, const std::filesystem::path& file, issue_list& issues) {
  if (word(header, 39, big_endian) == 1146047817)
    return (word(header, 40, big_endian) & 1) == 0 ? stored_type::u8 : stored_type::i8;
  const float least = real_word(header, 20, big_endian);
  const float largest = real_word(header, 21, big_endian);
  if (largest > 127 && least >= 0) {
    issues.add("bytes_without_sign", file, [&] {
      return fmt::format("pixels of 8 bits are taken as 0 to 255, because the header's largest pixel is {}", largest);
    });
    return stored_type::u8;
  }
  if (!(largest > least)) {  // never determined, or no number
    issues.add("bytes_with_sign", file, [] {
      return "pixels of 8 bits are taken as -128 to 127, as MRC2014 defines them: the header holds no largest pixel that would "
             "show otherwise";
    });
  }
  return stored_type::i8;
}

/// Mode 101: two pixels in a byte, the first in its low half; rows begin with a byte.
void set_half_bytes(flat_layout& layout) {
  const frame_shape shape = layout.shape;
  const std::size_t row_bytes = (std::size_t{shape.width} + 1) / 2;
  layout.packed_bytes = shape.height * row_bytes;
  layout.unpack = [shape, row_bytes](const std::byte* packed, std::byte* pixels) {
    for (std::size_t row = 0; row < shape.height; ++row) {
      for (std::size_t column = 0; column < shape.width; ++column)
        *pixels++ = packed[row * row_bytes + column / 2] >> (column % 2 * 4) & std::byte{0x0f};
    }
  };
}

stored_type type_of(const header_bytes& header, bool big_endian, const std::filesystem::path& file, issue_list& issues) {
  const std::int32_t mode = word(header, 4, big_endian);
  switch (mode) {
    case 0: return type_of_bytes(header, big_endian, file, issues);
    case 1: return stored_type::i16;
    case 2: return stored_type::f32;
    case 6: return stored_type::u16;
    case 12: return stored_type::f16;
    case half_bytes: return stored_type::u8;
    default:
      throw format_error(fmt::format(
          "{}: MRC mode {} cannot be read: modes 0 (8 bits), 1 (i16), 2 (f32), 6 (u16), 12 (f16) and 101 (4 bits) can",
          file.string(), mode));
  }
}

/// The layout that the file's header describes. @throws format_error
flat_layout mrc_layout(const file_handle& file, issue_list& issues) {
  const std::string name = file.path().string();
  header_bytes header{};
  if (file.read_at(0, header.data(), header.size()) != header.size())
    throw format_error(name + ": is shorter than an MRC header of 1024 bytes");
  flat_layout layout;
  layout.big_endian = is_big_endian(header);
  const std::int32_t columns = word(header, 1, layout.big_endian);
  const std::int32_t rows = word(header, 2, layout.big_endian);
  const std::int32_t sections = word(header, 3, layout.big_endian);
  const std::int32_t extended = word(header, 24, layout.big_endian);
  if (columns <= 0 || rows <= 0 || sections <= 0 || extended < 0) {
    throw format_error(
        fmt::format("{}: is not an MRC file or is damaged: its header claims {} columns, {} rows, {} frames and {} bytes of "
                    "extended header",
                    name, columns, rows, sections, extended));
  }
  layout.type = type_of(header, layout.big_endian, file.path(), issues);
  layout.shape = {static_cast<std::uint32_t>(rows), static_cast<std::uint32_t>(columns)};
  if (word(header, 4, layout.big_endian) == half_bytes) set_half_bytes(layout);
  layout.offset_bytes = header.size() + static_cast<std::uint64_t>(extended);
  layout.claimed = scan_shape{1, static_cast<std::uint32_t>(sections), 1};
  return layout;
}

/// The cell of the header: A of a pixel. Programs leave it at 0 or at 1 A where they do not know it.
stated_axes cell_axes(const file_handle& file, bool big_endian) {
  header_bytes header{};
  if (file.read_at(0, header.data(), header.size()) != header.size()) return {};
  const auto axis = [&](std::size_t cell, std::size_t pixels) -> std::optional<stated_axis> {
    const double step = double{real_word(header, cell, big_endian)} / word(header, pixels, big_endian);
    if (!(std::abs(step) > 0) || step == 1) return std::nullopt;
    return stated_axis{0, step, "A"};
  };
  return {.row = axis(12, 9), .column = axis(11, 8)};
}

std::unique_ptr<frame_source> open_mrc(const std::vector<std::filesystem::path>& files, const source_options& options,
                                       issue_list issues) {
  file_handle file = file_handle::open_read(files.front());
  flat_layout layout = mrc_layout(file, issues);
  if (!options.image && layout.claimed->width > 1) {
    const movie_description noted = movie_description_of(file.path(), layout.claimed->frames(), options.scan, issues);
    stated_axes axes = noted.axes;
    if (!axes.row && !axes.column) {
      const stated_axes cell = cell_axes(file, layout.big_endian);
      axes.row = cell.row;
      axes.column = cell.column;
    }
    layout.claimed = noted.scan.value_or(*layout.claimed);
    layout.known.stated_scan = noted.scan;
    if (options.scan) layout.known.stated_scan = with_repeats(*options.scan, layout.claimed->frames_per_position);
    layout.known.lengths = lengths_of(axes, file.path(), issues);
  }
  return open_flat(std::move(file), mrc_movie().facts.format, layout, options, std::move(issues));
}

}  // namespace

const source_format& mrc_movie() {
  static const source_format entry{
      .facts = {.format = input_format("mrc"), .suffixes = {".mrc", ".mrcs"}},
      .assumed_by_suffix = true,
      .begins = [](std::string_view bytes) { return bytes.size() > 208 && bytes.substr(208).starts_with("MAP "); },
      .open = open_mrc};
  return entry;
}

}  // namespace countem::io
