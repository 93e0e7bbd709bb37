#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/sources/blo/entries.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/little_endian.hpp"
#include "io/sources/placed_source.hpp"
#include "io/sources/sources.hpp"
#include "io/sources/stated_axes.hpp"

// Blocks of NanoMEGAS: byte 0 "IMGBLO", 6 u16 258 or 259, 8 u32 offset of a virtual image, 12 u32 offset of the patterns, 20
// u16 side of a pattern, 24 u16 scan width, 26 u16 scan height, 30 and 38 f64 step of the scan in nm, along x and y. Of 259 a
// text from byte 240 on may hold "Blo Bit Depth: 16 bits". A pattern: AA 55, u32 number from 0, pixels row after row.
namespace countem::io {

namespace {

constexpr std::size_t blo_header_bytes = 240;
constexpr std::uint64_t pattern_header_bytes = 6;

stored_type blo_type(const file_handle& file, std::string_view header) {
  const std::uint32_t text_end = number_at<std::uint32_t>(header, 8);
  if (number_at<std::uint16_t>(header, 6) != 259 || text_end <= blo_header_bytes) return stored_type::u8;
  std::string text(std::min<std::size_t>(text_end - blo_header_bytes, std::size_t{1} << 16), '\0');
  text.resize(file.read_at(blo_header_bytes, text.data(), text.size()));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; });
  const std::size_t depth = text.find("blo bit depth:");
  if (depth == std::string::npos) return stored_type::u8;
  const std::size_t digits = text.find_first_not_of(' ', depth + 14);
  if (digits == std::string::npos || text.compare(digits, 7, "16 bits") != 0) return stored_type::u8;
  return stored_type::u16;
}

/// Patterns at the places that their numbers name, where these only grow; else, or where one has no number, in their order.
void place_patterns(placed_scan& scan, std::uint64_t offset, std::uint64_t count, issue_list& issues) {
  const file_handle& file = scan.files.front();
  const std::uint64_t distance = pattern_header_bytes + scan.coding.file_bytes();
  const std::uint64_t positions = scan.claimed->frames();
  std::vector<frame_run> by_number;
  std::uint64_t next = 0;
  bool growing = true;
  for (std::uint64_t pattern = 0; pattern < count && growing; ++pattern) {
    if (pattern % 1024 == 0) check_stop();
    const std::string mark = header_of(file, pattern_header_bytes, "a pattern", offset + pattern * distance);
    const std::uint64_t number = number_at<std::uint32_t>(mark, 2);
    if (pattern == 0 && !mark.starts_with("\xaa\x55"))
      throw format_error(fmt::format("{}: holds no pattern at byte {}, where its header leads", file.path().string(), offset));
    growing = mark.starts_with("\xaa\x55") && number >= next && number < positions;
    if (growing) append_frame(by_number, number, 0, offset + pattern * distance + pattern_header_bytes);
    next = number + 1;
  }
  if (growing) {
    scan.runs = std::move(by_number);
    return;
  }
  issues.add("unordered_numbers", file.path(),
             [] { return "the numbers of its patterns do not grow; they are taken in their order"; });
  scan.runs = {{0, count, 0, offset + pattern_header_bytes, distance}};
}

std::unique_ptr<frame_source> open_blo(const std::vector<std::filesystem::path>& files, const source_options& options,
                                       issue_list issues) {
  placed_scan scan{.format = nanomegas_blo().facts.format};
  scan.files.push_back(file_handle::open_read(files.front()));
  const file_handle& file = scan.files.front();
  const std::string name = file.path().string();
  const std::string header = header_of(file, blo_header_bytes, "the header of a block file");
  const std::uint16_t version = number_at<std::uint16_t>(header, 6);
  if (!header.starts_with("IMGBLO") || (version != 258 && version != 259))
    throw format_error(name + ": is no block file: it does not begin with IMGBLO and 258 or 259");
  const std::uint32_t side = number_at<std::uint16_t>(header, 20);
  scan.coding = {.shape = {side, side}, .type = blo_type(file, header)};
  scan.claimed = scan_shape{number_at<std::uint16_t>(header, 26), number_at<std::uint16_t>(header, 24), 1};
  check_frame_shape(scan.coding.shape, name);
  const std::uint64_t offset = number_at<std::uint32_t>(header, 12);
  const std::uint64_t bytes = file.size();
  const std::uint64_t room = bytes - std::min(bytes, offset);
  const std::uint64_t distance = pattern_header_bytes + scan.coding.file_bytes();
  const std::uint64_t whole = room / distance;
  if (whole == 0) {
    throw format_error(
        fmt::format("{}: holds not one whole frame: a frame of {} x {} pixels from byte {} on takes {} bytes, the file has {}",
                    name, side, side, offset, distance, bytes));
  }
  if (room % distance > pattern_header_bytes && whole < scan.claimed->frames()) {
    issues.add("truncated_record", file.path(), [&] {
      return fmt::format("frame {} (byte {}) is cut short: {} of {} bytes; the complete frames before it are kept", whole,
                         offset + whole * distance, room % distance, distance);
    });
    scan.cut_short = {whole};
  }
  // f64 at 30 and 38: step of the scan along x and along y, in nm.
  const auto step = [&](std::size_t byte, std::uint32_t positions) {
    const auto known = std::bit_cast<double>(number_at<std::uint64_t>(header, byte));
    return positions < 2 || known == 0 ? std::nullopt : std::optional(stated_axis{0, known, "nm"});
  };
  const stated_axes stated{.scan_row = step(38, scan.claimed->height), .scan_column = step(30, scan.claimed->width)};
  scan.known.lengths = lengths_of(stated, file.path(), issues);
  place_patterns(scan, offset, std::min(whole, std::max<std::uint64_t>(1, scan.claimed->frames())), issues);
  return open_placed(std::move(scan), options, std::move(issues));
}

}  // namespace

const source_format& nanomegas_blo() {
  static const source_format entry{.facts = {.format = input_format("blo"), .suffixes = {".blo"}},
                                   .assumed_by_suffix = true,
                                   .begins = [](std::string_view bytes) { return bytes.starts_with("IMGBLO"); },
                                   .open = open_blo};
  return entry;
}

}  // namespace countem::io
