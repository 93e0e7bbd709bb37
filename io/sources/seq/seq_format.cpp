#include <fmt/format.h>

#include <string>

#include <countem/error.hpp>

#include "io/sources/flat/flat_source.hpp"
#include "io/sources/little_endian.hpp"
#include "io/sources/seq/entries.hpp"
#include "io/sources/sources.hpp"

// SEQ: byte 0 u32 0xFEED, 4 "Norpix seq" in UTF-16, 28 i32 version, 548 u32 width, 552 height, 556 bits of a pixel, 564 bytes
// of an image, 572 frames, 580 distance of frames, 620 compression. Frames begin at byte 8192, before version 5 at 1024.
namespace countem::io {

namespace {

constexpr std::size_t seq_header_bytes = 1024;

std::unique_ptr<frame_source> open_seq(const std::vector<std::filesystem::path>& files, const source_options& options,
                                       issue_list issues) {
  file_handle file = file_handle::open_read(files.front());
  const std::string name = file.path().string();
  const std::string header = header_of(file, seq_header_bytes, "the header of a SEQ file");
  const auto word = [&](std::size_t byte) { return number_at<std::uint32_t>(header, byte); };
  if (word(0) != 0xfeed) throw format_error(name + ": is no SEQ file: it does not begin with the number 0xFEED");
  flat_layout layout;
  layout.shape = {word(552), word(548)};
  check_frame_shape(layout.shape, name);
  switch (word(556)) {
    case 8: layout.type = stored_type::u8; break;
    case 16: layout.type = stored_type::u16; break;
    case 32: layout.type = stored_type::u32; break;
    default:
      throw format_error(fmt::format("{}: pixels of {} bits cannot be read: those of 8, 16 and 32 can", name, word(556)));
  }
  const std::uint64_t frame_bytes = layout.shape.pixels() * size_of(layout.type);
  if (word(620) != 0 || word(564) != frame_bytes) {
    throw format_error(
        fmt::format("{}: frames that are compressed or in colour cannot be read: {} bytes for {} x {} pixels of {} bits", name,
                    word(564), layout.shape.height, layout.shape.width, word(556)));
  }
  if (word(580) < frame_bytes)
    throw format_error(
        fmt::format("{}: claims frames of {} bytes every {} bytes: it is damaged", name, frame_bytes, word(580)));
  layout.offset_bytes = number_at<std::int32_t>(header, 28) >= 5 ? 8192 : 1024;
  layout.gap_bytes = word(580) - frame_bytes;
  if (word(572) > 0) layout.claimed = scan_shape{1, word(572), 1};
  return open_flat(std::move(file), norpix_seq().facts.format, layout, options, std::move(issues));
}

}  // namespace

const source_format& norpix_seq() {
  using namespace std::string_view_literals;
  static const source_format entry{
      .facts = {.format = input_format("seq"), .suffixes = {".seq"}},
      .assumed_by_suffix = true,
      .begins = [](std::string_view bytes) { return bytes.starts_with("\xed\xfe\0\0N\0o\0r\0p\0i\0x\0"sv); },
      .open = open_seq};
  return entry;
}

}  // namespace countem::io
