#include "io/sources/mib/merlin_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>

#include <countem/error.hpp>
#include <countem/work.hpp>

#include "io/files/in_flight.hpp"
#include "io/sources/description_text.hpp"
#include "io/sources/noted_values.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view frames_noted = "Frames in Acquisition (Number)";
constexpr std::string_view per_trigger_noted = "Frames per Trigger (Number)";

/// "scan" of "scan12", "scan_0012" and "scan-3".
std::string without_number(const std::string& stem) {
  const std::size_t last = stem.find_last_not_of("0123456789");
  if (last == std::string::npos) return stem;
  return stem.substr(0, stem[last] == '_' || stem[last] == '-' ? last : last + 1);
}

bool begins_as_description(const fs::path& path) {
  constexpr std::size_t shown = 16;
  return description_text(path, shown).starts_with(merlin_description_magic);
}

/// The first that is one. Another file of its name before it is an issue.
std::optional<fs::path> description_beside(const fs::path& frames, issue_list& issues) {
  const std::string stem = frames.stem().string();
  for (const std::string& name : {stem, without_number(stem)}) {
    const fs::path candidate = frames.parent_path() / (name + ".hdr");
    std::error_code unknown;
    if (!fs::is_regular_file(candidate, unknown)) continue;
    if (begins_as_description(candidate) || noted_values(candidate, '\t').have_any({"ScanX", frames_noted, per_trigger_noted}))
      return candidate;
    issues.add("empty_description", candidate,
               [] { return "is no description of Merlin frames (lines NAME:<tab>VALUE after HDR,); it is not used"; });
  }
  return std::nullopt;
}

std::vector<fs::path> frames_beside(const fs::path& description) {
  const std::string stem = description.stem().string();
  const fs::path folder = description.has_parent_path() ? description.parent_path() : fs::path(".");
  std::vector<fs::path> found;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    const fs::path path = description.parent_path() / entry->path().filename();
    const std::string name = path.stem().string();
    if (path.extension() == ".mib" && (name == stem || without_number(name) == stem)) found.push_back(path);
  }
  if (found.empty()) {
    throw format_error(
        fmt::format("{}: describes frames of a Merlin detector, but neither {}.mib nor {} with a number lies beside it",
                    description.string(), stem, stem));
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Where the scan turns to the next row the beam takes longer: every interval but those is of one length. Needs all frames.
std::optional<scan_shape> scan_of_times(const std::vector<merlin_frame>& frames, const fs::path& file, issue_list& issues) {
  constexpr std::int64_t day = std::int64_t{24} * 60 * 60 * 1'000'000;
  std::vector<std::int64_t> intervals;
  for (std::size_t at = 0; at + 1 < frames.size(); ++at) {
    const merlin_frame& one = frames[at];
    const merlin_frame& next = frames[at + 1];
    if (!one.microsecond || !next.microsecond || next.number != one.number + 1) return std::nullopt;
    const std::int64_t interval = static_cast<std::int64_t>(*next.microsecond) - static_cast<std::int64_t>(*one.microsecond);
    intervals.push_back(interval < 0 ? interval + day : interval);
  }
  if (intervals.empty()) return std::nullopt;
  const auto [least, most] = std::minmax_element(intervals.begin(), intervals.end());
  const auto is_long = [middle = *least + (*most - *least) / 2](std::int64_t interval) { return interval > middle; };
  const auto width =
      static_cast<std::size_t>(std::find_if(intervals.begin(), intervals.end(), is_long) - intervals.begin()) + 1;
  if (width < 2 || width >= frames.size() || frames.size() % width != 0) return std::nullopt;
  for (std::size_t at = 0; at < intervals.size(); ++at) {
    if (is_long(intervals[at]) != ((at + 1) % width == 0)) return std::nullopt;
  }
  const auto height = frames.size() / width;
  issues.add("scan_from_times", file, [&] {
    return fmt::format(
        "rows of {} positions are taken from the times of the frames, since after every {} the next one comes later; "
        "the scan is {} x {} positions (width x height)",
        width, width, width, height);
  });
  return scan_shape{static_cast<std::uint32_t>(height), static_cast<std::uint32_t>(width), 1};
}

}  // namespace

merlin_inputs merlin_inputs_of(const std::vector<fs::path>& given, issue_list& issues) {
  merlin_inputs inputs;
  for (const fs::path& path : given) {
    if (begins_as_description(path)) {
      if (inputs.description)
        throw format_error(fmt::format("{} and {}: are descriptions of two scans; give one scan", inputs.description->string(),
                                       path.string()));
      inputs.description = path;
    } else {
      inputs.frames.push_back(path);
    }
  }
  if (inputs.frames.empty()) inputs.frames = frames_beside(*inputs.description);
  if (!inputs.description) inputs.description = description_beside(inputs.frames.front(), issues);
  return inputs;
}

std::vector<merlin_frame> find_merlin_frames(const file_handle& file, std::size_t number_of_file, const merlin_layout& layout,
                                             std::uint64_t frame_bytes, issue_list& issues) {
  const std::uint64_t bytes = file.size();
  const std::uint64_t distance = layout.header_bytes + frame_bytes;
  const std::uint64_t begun = bytes / distance + (bytes % distance >= layout.header_bytes ? 1 : 0);
  std::vector<merlin_frame> frames(begun);  // number 0: damaged
  const auto read = [&](std::uint64_t record) {
    std::string text(layout.header_bytes, '\0');
    text.resize(file.read_at(record * distance, text.data(), text.size()));
    const auto header = merlin_header_of(text);
    if (!header || header->layout != layout) return;
    const std::uint64_t at = record * distance;
    frames[record] = {header->number, number_of_file, at + layout.header_bytes, bytes - at < distance, header->microsecond};
  };
  work indexing("indexing", "frames", begun);
  read_in_flight(begun, read, [&, shown = std::uint64_t{0}](std::uint64_t done) mutable {
    indexing.advance(done - shown);
    shown = done;
  });
  for (std::uint64_t record = 0; record < begun; ++record) {
    const merlin_frame& frame = frames[record];
    if (frame.number == 0) {
      issues.add("damaged_header", file.path(), [&] {
        return fmt::format(
            "the header of frame {} of the file (byte {}) is damaged or of another kind than the first; the frame is left out",
            record, record * distance);
      });
    } else if (frame.cut_short) {
      issues.add("truncated_record", file.path(), [&] {
        return fmt::format("frame {} (byte {}) is cut short: {} of {} bytes; the complete frames before it are kept", record,
                           frame.offset_bytes, bytes - frame.offset_bytes, frame_bytes);
      });
    }
  }
  std::erase_if(frames, [](const merlin_frame& frame) { return frame.number == 0; });
  if (bytes % distance > 0 && bytes % distance < layout.header_bytes) {
    issues.add("truncated_header", file.path(), [&] {
      return fmt::format("the header at byte {} is cut short: {} of {} bytes; the frames before it are kept",
                         bytes / distance * distance, bytes % distance, layout.header_bytes);
    });
  }
  return frames;
}

std::optional<scan_shape> merlin_scan(const std::optional<fs::path>& description, const std::vector<merlin_frame>& frames,
                                      const fs::path& file, issue_list& issues) {
  if (!description) return scan_of_times(frames, file, issues);
  const noted_values values(*description, '\t');
  unreadable_numbers unreadable;
  const auto size = [&](std::string_view name) { return unreadable.size(name, values.text(name)).value_or(0); };
  const std::uint32_t width = size("ScanX");
  const std::uint32_t height = size("ScanY");
  const std::uint32_t all = size(frames_noted);
  const std::uint32_t per_trigger = size(per_trigger_noted);
  unreadable.report(*description, "the scan is what the others show", issues);
  if (width > 0 && height > 0) return scan_shape{height, width, 1};
  if (per_trigger > 1 && all > per_trigger && all % per_trigger == 0) {
    issues.add("scan_from_triggers", *description, [&] {
      return fmt::format("the scan of {} x {} positions (width x height) is taken from {} frames, {} for each trigger",
                         per_trigger, all / per_trigger, all, per_trigger);
    });
    return scan_shape{all / per_trigger, per_trigger, 1};
  }
  if (per_trigger <= 1 && (all == 0 || all == frames.size())) {
    if (auto scan = scan_of_times(frames, file, issues)) return scan;
  }
  if (all == 0) return std::nullopt;
  return scan_shape{1, all, 1};
}

}  // namespace countem::io
