#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <countem/error.hpp>

#include "io/sources/description_text.hpp"
#include "io/sources/empad/entries.hpp"
#include "io/sources/flat/flat_source.hpp"
#include "io/sources/noted_values.hpp"

// EMPAD: frames of 130 rows of 128 f32, of which the last two are no image. The XML beside them names the file (raw_file,
// attribute filename) and holds the size of the scan as pix_x and pix_y (older versions) or as scan_resolution_x and _y of the
// scan_parameters with mode "acquire", which older versions leave at another value; newer ones name the file
// scan_xWIDTH_yHEIGHT.raw. A series has series_count or count instead.
namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr frame_shape empad_image{128, 128};
constexpr std::uint64_t empad_gap_bytes = std::uint64_t{2} * 128 * sizeof(float);
constexpr std::uint64_t empad_frame_bytes = std::uint64_t{130} * 128 * sizeof(float);

/// That a name has before other letters.
std::uint32_t empad_number(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// What lies in the first element of this name, "" where there is none.
std::string_view element_of(std::string_view xml, const std::string& name) {
  const std::size_t begin = xml.find("<" + name + ">");
  if (begin == std::string_view::npos) return {};
  xml.remove_prefix(begin + name.size() + 2);
  return xml.substr(0, xml.find("</" + name + ">"));
}

std::string_view file_named_in(std::string_view xml) {
  const std::size_t begin = xml.find("<raw_file filename=\"");
  if (begin == std::string_view::npos) return {};
  xml.remove_prefix(begin + 20);
  const std::size_t end = xml.find('"');
  return end == std::string_view::npos ? std::string_view{} : xml.substr(0, end);
}

std::optional<scan_shape> scan_if_any(std::uint32_t width, std::uint32_t height) {
  if (width == 0 || height == 0) return std::nullopt;
  return scan_shape{height, width, 1};
}

/// Of "scan_xWIDTH_yHEIGHT.raw".
std::optional<scan_shape> scan_of_name(const std::string& name) {
  const std::size_t x = name.rfind("_x");
  const std::size_t y = name.rfind("_y");
  if (!name.starts_with("scan_") || !name.ends_with(".raw") || x == std::string::npos || y == std::string::npos || y < x)
    return std::nullopt;
  return scan_if_any(empad_number(std::string_view(name).substr(x + 2)), empad_number(std::string_view(name).substr(y + 2)));
}

/// Sizes that a description and a name claim, the most reliable first.
std::vector<scan_shape> empad_scans(std::string_view xml, const std::string& name, unreadable_numbers& unreadable) {
  std::vector<scan_shape> found;
  const auto take = [&](const std::optional<scan_shape>& scan) {
    if (scan) found.push_back(*scan);
  };
  const auto size = [&](std::string_view part, const char* element) {
    return unreadable.size(element, trimmed(element_of(part, element))).value_or(0);
  };
  const bool series = trimmed(element_of(xml, "type")) == "series";
  take(scan_if_any(size(xml, "series_count"), 1));
  if (series) take(scan_if_any(size(xml, "count"), 1));
  take(scan_if_any(size(xml, "pix_x"), size(xml, "pix_y")));
  take(scan_of_name(name));
  constexpr std::string_view mode = "<scan_parameters mode=\"acquire\">";
  const std::size_t begin = xml.find(mode);
  if (begin != std::string_view::npos) {
    std::string_view acquire = xml.substr(begin + mode.size());
    acquire = acquire.substr(0, acquire.find("</scan_parameters>"));
    take(scan_if_any(size(acquire, "scan_resolution_x"), size(acquire, "scan_resolution_y")));
  }
  return found;
}

bool begins_as_xml(std::string_view bytes) {
  const std::string text = as_utf8(bytes);
  return text.starts_with("<root") || (text.starts_with("<?xml") && text.find("<root") != std::string::npos);
}

std::string empad_description(const fs::path& path) {
  constexpr std::size_t most = 1 << 22;
  return description_text(path, most);
}

struct empad_files {
  fs::path raw;
  fs::path description;  ///< empty: there is none
  std::string xml;
};

/// That of a .raw file may lie beside it. A file of its name that is none becomes an issue.
empad_files with_description(const fs::path& raw, issue_list& issues) {
  const fs::path beside = fs::path(raw).replace_extension(".xml");
  std::error_code unknown;
  if (!fs::is_regular_file(beside, unknown)) return {raw, {}, {}};
  if (begins_as_xml(first_bytes(beside, source_format::shown_bytes))) return {raw, beside, empad_description(beside)};
  issues.add("empty_description", beside, [] { return "is no description of EMPAD frames (XML); it is not used"; });
  return {raw, {}, {}};
}

empad_files empad_files_of(const fs::path& given, issue_list& issues) {
  std::error_code unknown;
  if (!begins_as_xml(first_bytes(given, source_format::shown_bytes))) return with_description(given, issues);
  empad_files files{{}, given, empad_description(given)};
  // Of the name alone: a description leads to no other folder.
  const fs::path named = fs::path(std::string(file_named_in(files.xml))).filename();
  if (named.empty()) throw format_error(given.string() + ": is no description of EMPAD frames: it names no raw_file");
  for (const fs::path& candidate : {given.parent_path() / named, fs::path(given).replace_extension(".raw")}) {
    if (!fs::is_regular_file(candidate, unknown)) continue;
    files.raw = candidate;
    return files;
  }
  throw format_error(fmt::format("{}: describes {}, which is not beside it", given.string(), named.string()));
}

std::unique_ptr<frame_source> open_empad(const std::vector<fs::path>& given, const source_options& options, issue_list issues) {
  const empad_files files = empad_files_of(given.front(), issues);
  file_handle file = file_handle::open_read(files.raw);
  flat_layout layout{.shape = empad_image, .type = stored_type::f32, .gap_bytes = empad_gap_bytes};
  unreadable_numbers unreadable;
  const std::vector<scan_shape> scans = empad_scans(files.xml, files.raw.filename().string(), unreadable);
  unreadable.report(files.description, "the scan is what the others show", issues);
  if (scans.empty() && files.xml.empty() && file.size() % empad_frame_bytes != 0) {
    throw format_error(
        fmt::format("{}: is not an EMPAD file: its {} bytes are not frames of {} bytes, and no description lies beside it",
                    files.raw.string(), file.size(), empad_frame_bytes));
  }
  if (!scans.empty()) {
    const std::uint64_t frames = file.size() / empad_frame_bytes;
    const auto fits = [frames](const scan_shape& scan) { return scan.frames() == frames; };
    const auto fitting = std::find_if(scans.begin(), scans.end(), fits);
    layout.claimed = fitting == scans.end() ? scans.front() : *fitting;
    if (fitting != scans.begin() && fitting != scans.end()) {
      issues.add("scan_disagrees", file.path(), [&] {
        return fmt::format(
            "its description claims a scan of {} x {} positions (width x height), too; {} x {} is taken, since {} frames are "
            "there",
            scans.front().width, scans.front().height, layout.claimed->width, layout.claimed->height, frames);
      });
    }
  }
  return open_flat(std::move(file), empad_raw().facts.format, layout, options, std::move(issues));
}

bool is_named_as_empad(const std::vector<fs::path>& files) {
  const std::string name = files.front().filename().string();
  if (scan_of_name(name)) return true;
  const fs::path beside = fs::path(files.front()).replace_extension(".xml");
  std::error_code unknown;
  return fs::is_regular_file(beside, unknown) && file_named_in(empad_description(beside)) == name;
}

}  // namespace

const source_format& empad_raw() {
  static const source_format entry{.facts = {.format = input_format("empad"), .suffixes = {".raw"}},
                                   .begins = begins_as_xml,
                                   .fits = is_named_as_empad,
                                   .open = open_empad};
  return entry;
}

}  // namespace countem::io
