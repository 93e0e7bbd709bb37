#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <tuple>

#include <countem/error.hpp>

#include "io/sources/flat/entries.hpp"
#include "io/sources/flat/flat_source.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/placed_source.hpp"

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

/// Files behind each other. One that is shorter than it should be leaves its frames missing, so that those behind it keep their
/// places. @throws format_error where these are unknown
std::unique_ptr<frame_source> open_raw_files(const std::vector<fs::path>& paths, const flat_layout& layout,
                                             const source_options& options, issue_list issues) {
  if (paths.size() > frame_index::max_files)
    throw format_error(fmt::format("{} files are more than a scan may have ({})", paths.size(), frame_index::max_files));
  placed_scan scan{.format = flat_raw().facts.format};
  std::uint64_t first = 0;
  for (const fs::path& path : paths) {
    file_handle file = file_handle::open_read(path);
    const flat_frames held = flat_frames_of(file, layout, issues);
    scan.coding = held.coding;
    if (held.complete > 0) {
      frame_run run = held.run;
      run.first = first;
      run.file = scan.files.size();
      scan.runs.push_back(run);
    }
    if (held.cut_short) scan.cut_short.push_back(first + held.complete);
    if (held.cut_short && !layout.claimed && path != paths.back()) {
      throw format_error(
          fmt::format("{}: is truncated: it ends within frame {} of its own, so that the places of all frames in later "
                      "files are unknown; give the number of frames in each file",
                      path.string(), held.complete));
    }
    first += layout.claimed ? layout.claimed->frames() : held.complete;
    scan.files.push_back(std::move(file));
  }
  if (layout.claimed) scan.claimed = scan_shape{1, static_cast<std::uint32_t>(std::min<std::uint64_t>(first, 0xffff'ffff)), 1};
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
