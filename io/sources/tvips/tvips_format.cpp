#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>

#include <countem/error.hpp>
#include <countem/work.hpp>

#include "io/files/in_flight.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/little_endian.hpp"
#include "io/sources/placed_source.hpp"
#include "io/sources/sources.hpp"
#include "io/sources/tvips/entries.hpp"
#include "io/sources/tvips/tvips_positions.hpp"

// Series of TVIPS cameras: NAME_000.tvips, NAME_001.tvips and so on. The first begins with u32 256 (bytes of this header), 4
// version (1 or 2), 8 width, 12 height, 16 bits of a pixel, 48 bytes of a frame's header (version 1: 12); the others begin with
// a frame. A frame's header of version 2 holds a counter of scan positions at byte 48.
namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t tvips_header_bytes = 256;
constexpr std::uint64_t counter_at = 48;

/// The number before the suffix.
std::optional<std::uint32_t> part_of_series(const fs::path& path) {
  const std::string stem = path.stem().string();
  const std::size_t line = stem.rfind('_');
  if (line == std::string::npos) return std::nullopt;
  std::uint32_t number = 0;
  const char* const end = stem.data() + stem.size();
  const auto [after, problem] = std::from_chars(stem.data() + line + 1, end, number);
  if (problem != std::errc{} || after != end) return std::nullopt;
  return number;
}

fs::path named_part(const fs::path& any, std::uint32_t number) {
  const std::string stem = any.stem().string();
  const std::size_t line = stem.rfind('_');
  return any.parent_path() /
         fmt::format("{}_{:0{}}{}", stem.substr(0, line), number, stem.size() - line - 1, any.extension().string());
}

/// Those given in the order of their numbers; of one alone, those beside it too. @throws format_error where one lacks
std::vector<fs::path> parts_of_series(std::vector<fs::path> given, issue_list& issues) {
  if (given.size() == 1) {
    std::error_code unknown;
    if (!part_of_series(given.front())) return given;
    const fs::path any = given.front();
    given.clear();
    for (std::uint32_t number = 0; fs::is_regular_file(named_part(any, number), unknown); ++number)
      given.push_back(named_part(any, number));
    if (given.empty())
      throw format_error(fmt::format("{}: is a part of a series whose first, {}, is not beside it", any.string(),
                                     named_part(any, 0).string()));
    if (std::find(given.begin(), given.end(), any) == given.end())
      throw format_error(fmt::format("{}: is a part of a series of which {} is not beside it", any.string(),
                                     named_part(any, static_cast<std::uint32_t>(given.size())).string()));
    if (given.size() > 1) {
      issues.add("series_completed", any, [&] {
        return fmt::format("the {} parts of its series are read, up to {}", given.size(), given.back().filename().string());
      });
    }
    return given;
  }
  std::sort(given.begin(), given.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(part_of_series(a), a) < std::pair(part_of_series(b), b);
  });
  for (std::uint32_t number = 0; number < given.size(); ++number) {
    if (part_of_series(given[number]) == number) continue;
    throw format_error(
        fmt::format("{}: is not part {} of a series, which the others need: its frames have places only behind all before them",
                    given[number].string(), number));
  }
  return given;
}

struct tvips_layout {
  frame_coding coding{};
  std::uint64_t header_bytes = 12;  ///< of a frame
  bool counts_positions = false;
};

tvips_layout read_tvips_header(const file_handle& file) {
  const std::string name = file.path().string();
  const std::string header = header_of(file, tvips_header_bytes, "the header of a series");
  const auto word = [&](std::size_t byte) { return number_at<std::uint32_t>(header, byte); };
  if (word(0) != tvips_header_bytes || word(4) < 1 || word(4) > 2)
    throw format_error(name + ": is not the first part of a series: it does not begin with 256 and the version 1 or 2");
  if (word(16) != 8 && word(16) != 16)
    throw format_error(fmt::format("{}: pixels of {} bits cannot be read: those of 8 and 16 can", name, word(16)));
  tvips_layout layout;
  layout.coding = {.shape = {word(12), word(8)}, .type = word(16) == 8 ? stored_type::u8 : stored_type::u16};
  check_frame_shape(layout.coding.shape, name);
  if (word(4) == 2) layout.header_bytes = word(48);
  layout.counts_positions = word(4) == 2 && layout.header_bytes >= counter_at + 4;
  return layout;
}

struct tvips_part {
  std::uint64_t begin = 0;  ///< byte of the first frame's header
  std::uint64_t first = 0;  ///< number of the first frame in the series
  std::uint64_t frames = 0;
};

std::vector<std::uint32_t> read_counters(const std::vector<file_handle>& files, const std::vector<tvips_part>& parts,
                                         std::uint64_t distance) {
  std::vector<std::uint32_t> counters(parts.back().first + parts.back().frames);
  work indexing("indexing", "frames", counters.size());
  const auto read = [&](std::uint64_t number) {
    const auto behind = std::upper_bound(parts.begin(), parts.end(), number,
                                         [](std::uint64_t wanted, const tvips_part& part) { return wanted < part.first; });
    const auto part = static_cast<std::size_t>(behind - parts.begin()) - 1;
    const std::uint64_t at = parts[part].begin + (number - parts[part].first) * distance + counter_at;
    counters[number] = number_at<std::uint32_t>(header_of(files[part], 4, "a frame's header", at), 0);
  };
  read_in_flight(counters.size(), read, [&, shown = std::uint64_t{0}](std::uint64_t done) mutable {
    indexing.advance(done - shown);
    shown = done;
  });
  return counters;
}

/// A part that is cut short in the middle of the series would shift all that follow.
tvips_part part_of_file(const file_handle& file, bool is_first, bool is_last, std::uint64_t before, std::uint64_t distance,
                        issue_list& issues) {
  const std::uint64_t begin = is_first ? tvips_header_bytes : 0;
  const std::uint64_t bytes = file.size() - std::min<std::uint64_t>(file.size(), begin);
  const tvips_part part{begin, before, bytes / distance};
  if (bytes % distance != 0) {
    if (!is_last) {
      throw format_error(
          fmt::format("{}: is truncated: its {} bytes are not whole frames of {} bytes, so that the places of all frames in "
                      "later parts are unknown",
                      file.path().string(), bytes, distance));
    }
    issues.add("truncated_record", file.path(), [&] {
      return fmt::format("frame {} (byte {}) is cut short: {} of {} bytes; the complete frames before it are kept",
                         before + part.frames, begin + part.frames * distance, bytes % distance, distance);
    });
  }
  return part;
}

std::unique_ptr<frame_source> open_tvips(const std::vector<fs::path>& given, const source_options& options, issue_list issues) {
  const std::vector<fs::path> paths = parts_of_series(given, issues);
  placed_scan scan{.format = tvips_series().facts.format};
  if (paths.size() > frame_index::max_files)
    throw format_error(fmt::format("{} files are more than a scan may have ({})", paths.size(), frame_index::max_files));
  for (const fs::path& path : paths) scan.files.push_back(file_handle::open_read(path));
  const tvips_layout layout = read_tvips_header(scan.files.front());
  scan.coding = layout.coding;
  const std::uint64_t distance = layout.header_bytes + layout.coding.file_bytes();
  std::vector<tvips_part> parts;
  std::uint64_t frames = 0;
  bool is_cut = false;
  for (const file_handle& file : scan.files) {
    parts.push_back(part_of_file(file, parts.empty(), parts.size() + 1 == scan.files.size(), frames, distance, issues));
    frames += parts.back().frames;
    is_cut = parts.back().begin + parts.back().frames * distance < file.size();
  }
  if (frames == 0 || frames > max_scan_frames) {
    throw format_error(fmt::format("{}: holds {} whole frames of {} bytes: a scan has 1 to {}", paths.front().string(), frames,
                                   distance, max_scan_frames));
  }
  std::vector<std::uint64_t> places;
  if (layout.counts_positions) places = tvips_positions(read_counters(scan.files, parts, distance), paths.front(), issues);
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (std::uint64_t in_part = 0; in_part < parts[part].frames; ++in_part) {
      const std::uint64_t number = parts[part].first + in_part;
      const std::uint64_t place = places.empty() ? number : places[number];
      if (place != outside_tvips_scan)
        append_frame(scan.runs, place, part, parts[part].begin + in_part * distance + layout.header_bytes);
    }
  }
  if (is_cut && (places.empty() || places.back() == frames - 1)) scan.cut_short = {frames};
  return open_placed(std::move(scan), options, std::move(issues));
}

bool begins_as_tvips(std::string_view bytes) {
  using namespace std::string_view_literals;
  constexpr std::size_t bits_at = 16;
  if (bytes.size() <= bits_at || (bytes[bits_at] != 8 && bytes[bits_at] != 16)) return false;  // a mask of 0 and 1
  return bytes.starts_with("\0\1\0\0\1\0\0\0"sv) || bytes.starts_with("\0\1\0\0\2\0\0\0"sv);
}

}  // namespace

const source_format& tvips_series() {
  static const source_format entry{.facts = {.format = input_format("tvips"), .suffixes = {".tvips"}, .several_files = true},
                                   .assumed_by_suffix = true,
                                   .begins = begins_as_tvips,
                                   .open = open_tvips};
  return entry;
}

}  // namespace countem::io
