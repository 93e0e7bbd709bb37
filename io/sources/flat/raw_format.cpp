#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <countem/error.hpp>

#include "io/sources/flat/entries.hpp"
#include "io/sources/flat/flat_source.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/placed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

bool is_decimal(char letter) {
  return letter >= '0' && letter <= '9';
}

/// "frame_9" before "frame_10": numbers in names by their value.
bool name_is_before(const std::string& a, const std::string& b) {
  std::size_t in_a = 0;
  std::size_t in_b = 0;
  while (in_a < a.size() && in_b < b.size()) {
    if (!is_decimal(a[in_a]) || !is_decimal(b[in_b])) {
      if (a[in_a] != b[in_b]) return a[in_a] < b[in_b];
      ++in_a;
      ++in_b;
      continue;
    }
    const auto number = [](const std::string& text, std::size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const std::size_t begin = at;
      while (at < text.size() && is_decimal(text[at])) ++at;
      return text.substr(begin, at - begin);
    };
    const std::string number_a = number(a, in_a);
    const std::string number_b = number(b, in_b);
    if (number_a != number_b) return std::tuple(number_a.size(), number_a) < std::tuple(number_b.size(), number_b);
  }
  return std::tuple(a.size() - in_a, a) < std::tuple(b.size() - in_b, b);
}

std::vector<fs::path> in_order_of_names(std::vector<fs::path> files, issue_list& issues) {
  const std::vector<fs::path> given = files;
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return a.parent_path() == b.parent_path() ? name_is_before(a.filename().string(), b.filename().string()) : a < b;
  });
  if (files != given) {
    issues.add("order_of_names", files.front(),
               [] { return "comes first: files are read in the order of the numbers in their names, not as they were given"; });
  }
  return files;
}

/// The number in which two names differ, if that is all: of "scan_9.raw" and "scan_10.raw" 9 and 10.
std::optional<std::pair<std::uint64_t, std::uint64_t>> differing_number(const std::string& a, const std::string& b) {
  const auto decimal_at = [](const std::string& text, std::size_t at) { return at < text.size() && is_decimal(text[at]); };
  std::size_t begin = 0;
  while (begin < std::min(a.size(), b.size()) && a[begin] == b[begin]) ++begin;
  while (begin > 0 && is_decimal(a[begin - 1])) --begin;
  std::size_t end_a = begin;
  std::size_t end_b = begin;
  while (decimal_at(a, end_a)) ++end_a;
  while (decimal_at(b, end_b)) ++end_b;
  std::uint64_t in_a = 0;
  std::uint64_t in_b = 0;
  const auto read = [begin](const std::string& text, std::size_t end, std::uint64_t& number) {
    const auto [after, problem] = std::from_chars(text.data() + begin, text.data() + end, number);
    return problem == std::errc() && after == text.data() + end;
  };
  if (a.substr(end_a) != b.substr(end_b) || !read(a, end_a, in_a) || !read(b, end_b, in_b)) return std::nullopt;
  return std::pair(in_a, in_b);
}

/// The numbers in the names of files that are in the order of their names, as the steps from one to the next.
struct name_steps {
  /// Before each file; 0 where it begins a series of its own: it differs from the file before by more than a number.
  std::vector<std::uint64_t> steps;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> first_gap{};  ///< the numbers on both sides
  /// Whether any two numbers follow one another: then they count files, and those between others are not there. Else they may
  /// be times, or count frames.
  bool count_files = false;
};

name_steps steps_of(const std::vector<fs::path>& files) {
  name_steps found{std::vector<std::uint64_t>(files.size(), 0)};
  for (std::size_t at = 1; at < files.size(); ++at) {
    const auto numbers = differing_number(files[at - 1].string(), files[at].string());
    if (!numbers || numbers->second <= numbers->first) continue;
    found.steps[at] = numbers->second - numbers->first;
    if (found.steps[at] == 1) found.count_files = true;
    if (found.steps[at] > 1 && !found.first_gap) found.first_gap = numbers;
  }
  return found;
}

flat_layout layout_of_description(const raw_layout& given) {
  flat_layout layout;
  layout.shape = given.shape;
  layout.type = stored_as(given.type);
  if (!given.stored_as.empty()) {
    const auto type = stored_type_named(given.stored_as);
    if (!type) throw invalid_argument("flat pixels of type '" + given.stored_as + "' cannot be read");
    layout.type = *type;
  }
  layout.big_endian = given.big_endian;
  layout.offset_bytes = given.offset_bytes;
  layout.gap_bytes = given.gap_bytes;
  if (given.frames > 0)
    layout.claimed = scan_shape{1, static_cast<std::uint32_t>(std::min<std::uint64_t>(given.frames, 0xffff'ffff)), 1};
  return layout;
}

/// What the files of a scan hold, in their order.
struct held_files {
  std::vector<file_handle> files;
  std::vector<flat_frames> frames;
};

/// @throws format_error where a file that is cut short leaves the places of the frames behind it unknown
held_files open_files(const std::vector<fs::path>& paths, const flat_layout& layout, issue_list& issues) {
  if (paths.size() > frame_index::max_files)
    throw format_error(fmt::format("{} files are more than a scan may have ({})", paths.size(), frame_index::max_files));
  held_files held;
  for (const fs::path& path : paths) {
    held.files.push_back(file_handle::open_read(path));
    held.frames.push_back(flat_frames_of(held.files.back(), layout, issues));
    if (held.frames.back().cut_short && !layout.claimed && path != paths.back()) {
      throw format_error(
          fmt::format("{}: is truncated: it ends within frame {} of its own, so that the places of all frames in later "
                      "files are unknown; give the number of frames in each file",
                      path.string(), held.frames.back().complete));
    }
  }
  return held;
}

/// How many frames are not there before each file, because files of the series are not. None, with a note, where their lengths
/// are not known or the scan that is wanted takes just the frames that are there; and where the numbers may count no files,
/// unless that scan takes just the frames that are there and those that would be lost.
std::vector<std::uint64_t> frames_lost_before(const std::vector<fs::path>& paths, const held_files& held,
                                              const flat_layout& layout, const std::optional<frames_wanted>& wanted,
                                              issue_list& issues) {
  const name_steps names = steps_of(paths);
  std::vector<std::uint64_t> lost(paths.size(), 0);
  if (!names.first_gap) return lost;
  const std::uint64_t length = layout.claimed ? layout.claimed->frames() : held.frames.front().complete;
  const auto differs = [&](const flat_frames& one) { return one.complete != length; };
  std::uint64_t there = 0;
  for (const flat_frames& one : held.frames) there += layout.claimed ? length : one.complete;
  std::uint64_t files = 0;
  for (const std::uint64_t step : names.steps) files += step > 1 ? std::min(step - 1, max_scan_frames) : 0;
  const auto takes = [&](std::uint64_t frames) { return wanted && frames >= wanted->least && frames <= wanted->most; };
  const bool are_alike = layout.claimed || std::none_of(held.frames.begin(), held.frames.end() - 1, differs);
  const bool can_be_placed =
      are_alike && files <= max_scan_frames / length && is_plausible_claim(files * length + there, there);
  const bool have_places = can_be_placed && (names.count_files ? !takes(there) : takes(files * length + there));
  if (!names.count_files && !have_places) {
    if (takes(there)) return lost;
    issues.add("numbers_apart", paths.front(), [&] {
      return fmt::format(
          "no two numbers in the names of this file and those behind it follow one another ({}, {}, ...): the frames of each "
          "file "
          "follow those of the file before it; if files are not there, give the scan that has room for theirs",
          names.first_gap->first, names.first_gap->second);
    });
    return lost;
  }
  for (std::size_t at = 1; at < paths.size(); ++at) {
    if (names.steps[at] < 2) continue;
    const std::uint64_t some = names.steps[at] - 1;
    issues.add("files_missing", paths[at], [&] {
      return fmt::format("{} of the numbered files before this one {} not there: {}", some, some == 1 ? "is" : "are",
                         have_places ? fmt::format("their {} frames are missing", some * length)
                                     : std::string("its frames follow those of the file before it"));
    });
    if (have_places) lost[at] = some * length;
  }
  return lost;
}

/// Files behind each other. One that is shorter than it should be, or not there, leaves its frames missing, so that those
/// behind it keep their places.
std::unique_ptr<frame_source> open_raw_files(const std::vector<fs::path>& paths, const flat_layout& layout,
                                             const source_options& options, issue_list issues) {
  held_files held = open_files(paths, layout, issues);
  const std::vector<std::uint64_t> lost = frames_lost_before(paths, held, layout, options.wanted, issues);
  placed_scan scan{.format = flat_raw().facts.format, .coding = held.frames.back().coding};
  std::uint64_t first = 0;
  for (std::size_t file = 0; file < paths.size(); ++file) {
    const flat_frames& frames = held.frames[file];
    first += lost[file];
    frame_run run = frames.run;
    run.first = first;
    run.file = file;
    scan.runs.push_back(run);
    if (frames.cut_short) scan.cut_short.push_back(first + frames.complete);
    first += layout.claimed ? layout.claimed->frames() : frames.complete;
  }
  scan.files = std::move(held.files);
  const bool is_known =
      layout.claimed || std::any_of(lost.begin(), lost.end(), [](std::uint64_t frames) { return frames > 0; });
  if (is_known) scan.claimed = scan_shape{1, static_cast<std::uint32_t>(std::min<std::uint64_t>(first, 0xffff'ffff)), 1};
  return open_placed(std::move(scan), options, std::move(issues));
}

std::unique_ptr<frame_source> open_raw(const std::vector<fs::path>& files, const source_options& options, issue_list issues) {
  const fs::path& path = files.front();
  if (!options.raw) throw invalid_argument(path.string() + ": flat binary needs a description", {{advice_kind::raw_layout}});
  const flat_layout layout = layout_of_description(*options.raw);
  if (files.size() > 1) {
    const std::vector<fs::path> ordered = in_order_of_names(files, issues);
    return open_raw_files(ordered, layout, options, std::move(issues));
  }
  return open_flat(file_handle::open_read(path), flat_raw().facts.format, layout, options, std::move(issues));
}

}  // namespace

const source_format& flat_raw() {
  static const source_format entry{
      .facts = {.format = input_format("raw"), .suffixes = {".raw", ".bin"}, .several_files = true, .needs_layout = true},
      .open = open_raw};
  return entry;
}

}  // namespace countem::io
