#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/sources/little_endian.hpp"
#include "io/sources/placed_source.hpp"
#include "io/sources/ser/entries.hpp"
#include "io/sources/sources.hpp"
#include "io/sources/stated_axes.hpp"

// SER: byte 0 u16 0x4949, 2 u16 0x0197, 4 u16 version, 6 u32 kind of data (0x4122: images), 14 u32 elements, 18 u32 those that
// are there, 22 offset of the array of offsets (4 bytes; from version 0x220 on 8, as are its elements), u32 axes; of each axis
// u32 size, f64 offset, f64 step, u32 element, u32 length, its name, u32 length, its units. An element: 40 bytes of
// calibration, u16 type, i32 width, i32 height, pixels from the bottom row to the top.
namespace countem::io {

namespace {

constexpr std::size_t ser_element_bytes = 50;  // of its header
constexpr std::uint32_t longest_ser_units = 32;

std::optional<stored_type> ser_type(std::uint16_t type) {
  using enum stored_type;
  constexpr stored_type known[]{u8, u16, u32, i8, i16, i32, f32, f64};
  if (type < 1 || type > std::size(known)) return std::nullopt;
  return known[type - 1];
}

struct ser_header {
  std::size_t word_bytes = 4;  ///< of an offset
  std::uint32_t elements = 0;
  std::uint32_t valid = 0;
  std::uint64_t offsets_at = 0;
  std::vector<std::uint32_t> axes{};
  std::vector<std::optional<stated_axis>> stated{};  ///< of each axis
};

ser_header read_ser_header(const file_handle& file) {
  const std::string name = file.path().string();
  const std::string start = header_of(file, 34, "the header of a SER file");
  if (number_at<std::uint32_t>(start, 0) != 0x01974949)
    throw format_error(name + ": is no SER file: it does not begin with 49 49 97 01");
  if (number_at<std::uint32_t>(start, 6) != 0x4122) throw format_error(name + ": holds no images, but data of another kind");
  ser_header header;
  header.word_bytes = number_at<std::uint16_t>(start, 4) >= 0x220 ? 8 : 4;
  header.elements = number_at<std::uint32_t>(start, 14);
  header.valid = number_at<std::uint32_t>(start, 18);
  header.offsets_at = header.word_bytes == 8 ? number_at<std::uint64_t>(start, 22) : number_at<std::uint32_t>(start, 22);
  const std::uint32_t axes = number_at<std::uint32_t>(start, 22 + header.word_bytes);
  std::uint64_t at = 22 + header.word_bytes + 4;
  for (std::uint32_t axis = 0; axis < std::min<std::uint32_t>(axes, 4); ++axis) {
    const std::string fixed = header_of(file, 28, "an axis", at);
    header.axes.push_back(number_at<std::uint32_t>(fixed, 0));
    at += 28 + std::uint64_t{number_at<std::uint32_t>(fixed, 24)};
    const std::uint32_t letters = number_at<std::uint32_t>(header_of(file, 4, "an axis", at), 0);
    const std::string units =
        header_of(file, std::min<std::uint32_t>(letters, longest_ser_units), "the units of an axis", at + 4);
    header.stated.push_back(stated_axis{number_at<double>(fixed, 4), number_at<double>(fixed, 12), units});
    if (header.axes.back() < 2) header.stated.back().reset();
    at += 4 + std::uint64_t{letters};
  }
  return header;
}

/// Of pixels as they lie in the file: the last row comes first.
frame_coding bottom_up(frame_shape shape, stored_type type) {
  const std::size_t row_bytes = shape.width * size_of(type);
  frame_coding coding{.shape = shape, .type = type, .packed_bytes = shape.height * row_bytes};
  coding.unpack = [height = shape.height, row_bytes](const std::byte* packed, std::byte* pixels) {
    for (std::size_t row = 0; row < height; ++row)
      std::memcpy(pixels + row * row_bytes, packed + (height - 1 - row) * row_bytes, row_bytes);
  };
  return coding;
}

frame_coding coding_of_element(const file_handle& file, std::uint64_t offset) {
  const std::string name = file.path().string();
  const std::string element = header_of(file, ser_element_bytes, "an element", offset);
  const auto type = ser_type(number_at<std::uint16_t>(element, 40));
  if (!type) {
    throw format_error(fmt::format("{}: pixels of type {} cannot be read: whole numbers and real ones, 1 to 8, can", name,
                                   number_at<std::uint16_t>(element, 40)));
  }
  const frame_shape shape{number_at<std::uint32_t>(element, 46), number_at<std::uint32_t>(element, 42)};
  check_frame_shape(shape, name);
  return bottom_up(shape, *type);
}

std::vector<std::uint64_t> ser_offsets(const file_handle& file, const ser_header& header) {
  const std::uint64_t bytes = file.size();
  const std::uint64_t room = bytes - std::min(bytes, header.offsets_at);
  if (header.valid == 0 || header.valid > header.elements || room / header.word_bytes < header.valid) {
    throw format_error(fmt::format(
        "{}: claims {} images of {} and their places from byte {} on, which are not there: it is truncated or damaged",
        file.path().string(), header.valid, header.elements, header.offsets_at));
  }
  const std::string raw = header_of(file, header.valid * header.word_bytes, "the places of its images", header.offsets_at);
  std::vector<std::uint64_t> offsets;
  for (std::uint32_t place = 0; place < header.valid; ++place) {
    offsets.push_back(header.word_bytes == 8 ? number_at<std::uint64_t>(raw, std::size_t{place} * 8)
                                             : number_at<std::uint32_t>(raw, std::size_t{place} * 4));
  }
  return offsets;
}

/// Two axes are a scan, x first, which is an issue, since the positions of the images may run otherwise.
scan_shape ser_scan(const ser_header& header, const file_handle& file, issue_list& issues) {
  if (header.axes.size() == 2 && std::uint64_t{header.axes[0]} * header.axes[1] == header.elements && header.axes[0] > 1 &&
      header.axes[1] > 1) {
    issues.add("scan_from_axes", file.path(), [&] {
      return fmt::format("the scan of {} x {} positions (width x height) is taken from its two axes, the first as width",
                         header.axes[0], header.axes[1]);
    });
    return {header.axes[1], header.axes[0], 1};
  }
  return {1, header.elements, 1};
}

std::unique_ptr<frame_source> open_ser(const std::vector<std::filesystem::path>& files, const source_options& options,
                                       issue_list issues) {
  placed_scan scan{.format = tia_ser().facts.format};
  scan.files.push_back(file_handle::open_read(files.front()));
  const file_handle& file = scan.files.front();
  const ser_header header = read_ser_header(file);
  const std::vector<std::uint64_t> offsets = ser_offsets(file, header);
  scan.coding = coding_of_element(file, offsets.front());
  const std::uint64_t bytes = file.size();
  const std::uint64_t frame_bytes = scan.coding.file_bytes();
  for (std::uint64_t number = 0; number < offsets.size(); ++number) {
    if (number % 1024 == 0) check_stop();
    const std::uint64_t offset = offsets[number];
    if (offset > bytes || bytes - offset < ser_element_bytes + frame_bytes) {
      issues.add("truncated_record", file.path(), [&] {
        return fmt::format("frame {} (byte {}) is cut short: {} of {} bytes", number, offset, bytes - std::min(bytes, offset),
                           ser_element_bytes + frame_bytes);
      });
      scan.cut_short.push_back(number);
      continue;
    }
    const std::string element = header_of(file, ser_element_bytes, "an element", offset);
    const frame_shape shape{number_at<std::uint32_t>(element, 46), number_at<std::uint32_t>(element, 42)};
    if (shape != scan.coding.shape || ser_type(number_at<std::uint16_t>(element, 40)) != scan.coding.type) {
      issues.add("damaged_header", file.path(), [&] {
        return fmt::format("frame {} (byte {}) is of another size or type than the first; left out", number, offset);
      });
      continue;
    }
    append_frame(scan.runs, number, 0, offset + ser_element_bytes);
  }
  if (scan.runs.empty())
    throw format_error(fmt::format("{}: holds not one whole frame: a frame takes {} bytes, the file has {}",
                                   file.path().string(), ser_element_bytes + frame_bytes, bytes));
  scan.claimed = ser_scan(header, file, issues);
  if (scan.claimed->height > 1)
    scan.known.lengths = lengths_of({.scan_row = header.stated[1], .scan_column = header.stated[0]}, file.path(), issues);
  return open_placed(std::move(scan), options, std::move(issues));
}

}  // namespace

const source_format& tia_ser() {
  static const source_format entry{.facts = {.format = input_format("ser"), .suffixes = {".ser"}},
                                   .assumed_by_suffix = true,
                                   .begins = [](std::string_view bytes) { return bytes.starts_with("\x49\x49\x97\x01"); },
                                   .open = open_ser};
  return entry;
}

}  // namespace countem::io
