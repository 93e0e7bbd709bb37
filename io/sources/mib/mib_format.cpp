#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/sources/description_text.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/mib/entries.hpp"
#include "io/sources/mib/merlin_files.hpp"
#include "io/sources/placed_source.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

merlin_layout layout_of_file(const file_handle& file) {
  const std::string name = file.path().string();
  std::string text(longest_merlin_header, '\0');
  text.resize(file.read_at(0, text.data(), text.size()));
  const auto header = merlin_header_of(text);
  if (!header) throw format_error(name + ": is not a MIB file: it does not begin with a header \"MQ1,\" and its fields");
  const std::uint64_t bytes = header->layout.header_bytes;
  if (bytes < shortest_merlin_header || bytes > longest_merlin_header)
    throw format_error(fmt::format("{}: claims headers of {} bytes: it is damaged", name, bytes));
  return header->layout;
}

/// Frames in the order of their numbers; of several with one number in a file the first whole one. @throws format_error
std::vector<merlin_frame> in_order_of_numbers(std::vector<merlin_frame> frames, const std::vector<file_handle>& files,
                                              issue_list& issues) {
  std::stable_sort(frames.begin(), frames.end(), [](const merlin_frame& a, const merlin_frame& b) {
    return std::pair(a.number, a.cut_short) < std::pair(b.number, b.cut_short);
  });
  std::vector<merlin_frame> kept;
  for (const merlin_frame& frame : frames) {
    if (kept.empty() || kept.back().number != frame.number) {
      kept.push_back(frame);
    } else if (kept.back().file != frame.file) {
      throw format_error(fmt::format("{} and {}: both hold frame number {}: they are of two scans; give one scan",
                                     files[kept.back().file].path().string(), files[frame.file].path().string(), frame.number));
    } else {
      issues.add("repeated_record", files[frame.file].path(),
                 [&] { return fmt::format("repeats frame number {}; the first is kept", frame.number); });
    }
  }
  return kept;
}

/// The number of the scan's first frame: 1, unless there are numbers beyond a scan that all frames fit into.
std::uint64_t first_number(const std::vector<merlin_frame>& frames, const std::optional<scan_shape>& scan, const fs::path& file,
                           issue_list& issues) {
  const std::uint64_t first = frames.front().number;
  const std::uint64_t last = frames.back().number;
  if (!scan || last <= scan->frames() || last - first >= scan->frames()) return 1;
  issues.add("first_number", file, [&] {
    return fmt::format("frame number {} is taken for the first of the scan, which has no place for number {}", first, last);
  });
  return first;
}

std::unique_ptr<frame_source> open_mib(const std::vector<fs::path>& given, const source_options& options, issue_list issues) {
  const merlin_inputs inputs = merlin_inputs_of(given, issues);
  placed_scan scan{.format = merlin_mib().facts.format};
  if (inputs.frames.size() > frame_index::max_files)
    throw format_error(
        fmt::format("{} files are more than a scan may have ({})", inputs.frames.size(), frame_index::max_files));
  std::vector<merlin_frame> found;
  merlin_layout layout;
  for (const fs::path& path : inputs.frames) {
    const std::size_t number = scan.files.size();
    scan.files.push_back(file_handle::open_read(path));
    const merlin_layout own = layout_of_file(scan.files.back());
    if (number == 0) {
      layout = own;
      scan.coding = merlin_coding(layout, path.string());
    } else if (own != layout) {
      throw format_error(fmt::format("{} and {}: hold frames of different kinds; give one scan", inputs.frames.front().string(),
                                     path.string()));
    }
    const auto frames = find_merlin_frames(scan.files.back(), number, layout, scan.coding.file_bytes(), issues);
    found.insert(found.end(), frames.begin(), frames.end());
  }
  found = in_order_of_numbers(std::move(found), scan.files, issues);
  const fs::path& first_file = inputs.frames.front();
  if (std::none_of(found.begin(), found.end(), [](const merlin_frame& frame) { return !frame.cut_short; })) {
    throw format_error(fmt::format("{}: holds not one whole frame: a frame of {} x {} {} pixels takes {} bytes",
                                   first_file.string(), scan.coding.shape.height, scan.coding.shape.width,
                                   to_string(scan.coding.type), layout.header_bytes + scan.coding.file_bytes()));
  }
  scan.claimed = merlin_scan(inputs.description, found, first_file, issues);
  std::optional<scan_shape> size = scan.claimed;
  if (options.scan) size = with_repeats(*options.scan, size ? size->frames_per_position : 1);
  const std::uint64_t first = first_number(found, size, first_file, issues);
  for (const merlin_frame& frame : found) {
    if (size && frame.number - first >= size->frames()) {
      issues.add("position_outside_scan", scan.files[frame.file].path(), [&] {
        return fmt::format("frame number {} is outside the scan of {} x {} positions (width x height); left out", frame.number,
                           size->width, size->height);
      });
    } else if (frame.cut_short) {
      scan.cut_short.push_back(frame.number - first);
    } else {
      append_frame(scan.runs, frame.number - first, frame.file, frame.offset_bytes);
    }
  }
  return open_placed(std::move(scan), options, std::move(issues));
}

}  // namespace

const source_format& merlin_mib() {
  static const source_format entry{.facts = {.format = input_format("mib"), .suffixes = {".mib"}, .several_files = true},
                                   .assumed_by_suffix = true,
                                   .begins =
                                       [](std::string_view bytes) {
                                         return bytes.starts_with(merlin_magic) ||
                                                as_utf8(bytes).starts_with(merlin_description_magic);
                                       },
                                   .open = open_mib};
  return entry;
}

}  // namespace countem::io
