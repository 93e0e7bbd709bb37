#include "io/sources/mrc/movie_description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "io/sources/noted_values.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// A description, with what it notes.
struct noted_description {
  fs::path file;
  noted_values values;
};

/// For DAY_NUMBER_0_movie.mrc these are DAY_NUMBER_0_info.txt, DAY_NUMBER_info.txt and DAY_info.txt; the first that notes
/// something of a movie. One before it that does not is an issue.
std::optional<noted_description> description_of_movie(const fs::path& movie, issue_list& issues) {
  std::string stem = movie.stem().string();
  constexpr std::string_view ending = "_movie";
  if (!stem.ends_with(ending)) return std::nullopt;
  for (std::size_t end = stem.size() - ending.size(); end != std::string::npos && end > 0; end = stem.rfind('_')) {
    stem.resize(end);
    const fs::path candidate = movie.parent_path() / (stem + "_info.txt");
    std::error_code unknown;
    if (!fs::is_regular_file(candidate, unknown)) continue;
    noted_description found{candidate, noted_values(candidate, '=')};
    if (found.values.have_any({"Scan - Enable", "Scan - Type", "Scan - Size X", "Scan - Size Y",
                               "Specimen Pixel Size X (nanometers)", "Specimen Pixel Size Y (nanometers)",
                               "Diffraction Pixel Size X", "Diffraction Pixel Size Y", "Instrument Accelerating Voltage (V)"}))
      return found;
    issues.add("empty_description", candidate, [] { return "notes nothing of a movie (lines NAME = VALUE); it is not used"; });
  }
  return std::nullopt;
}

/// What is noted of the scan.
struct noted_scan {
  bool enabled = false;
  std::string_view type;
  std::optional<scan_shape> size;
  unreadable_numbers unreadable;

  [[nodiscard]] bool is_raster() const { return type == "Raster"; }
  [[nodiscard]] std::string words() const {
    if (!enabled) return "no scan";
    std::string of_type = type.empty() ? "a scan of no type" : fmt::format("a scan of type {}", type);
    return size ? fmt::format("{} of {} x {} positions", of_type, size->width, size->height) : of_type + " of unknown size";
  }
};

noted_scan scan_in(const noted_values& noted) {
  noted_scan found;
  found.enabled = noted.text("Scan - Enable") == "Enable";
  found.type = noted.text("Scan - Type");
  const bool is_part = noted.text("Scan - ROI Enable") == "Enable";
  const auto size = [&](std::string_view name) { return found.unreadable.size(name, noted.text(name), 1); };
  const auto width = size(is_part ? "Scan - ROI Size X" : "Scan - Size X");
  const auto height = size(is_part ? "Scan - ROI Size Y" : "Scan - Size Y");
  constexpr std::string_view repeats = "Scan - Camera Frames Per Point";
  const auto frames = noted.text(repeats).empty() ? std::optional(1U) : size(repeats);
  if (width && height && frames) found.size = scan_shape{*height, *width, *frames};
  return found;
}

/// Without the product of all three, which may be beyond 64 bits.
bool has_frames(const scan_shape& scan, std::uint64_t frames) {
  return frames % scan.positions() == 0 && frames / scan.positions() == scan.frames_per_position;
}

/// The scan, if it is a raster of so many frames.
std::optional<scan_shape> take_scan(const noted_scan& noted, const fs::path& movie, const fs::path& description,
                                    std::uint64_t frames, issue_list& issues) {
  if (!noted.enabled) return std::nullopt;
  const std::string name = description.filename().string();
  if (!noted.is_raster()) {
    issues.add("scan_is_no_raster", movie, [&] {
      return fmt::format("{} has {}, whose positions {} no raster: the frames are taken as one line", name,
                         noted.type.empty() ? "a scan without its type" : fmt::format("a scan of type {}", noted.type),
                         noted.type.empty() ? "may be" : "are");
    });
    return std::nullopt;
  }
  noted.unreadable.report(description, "the frames are taken as one line", issues);
  if (!noted.size) {
    if (!noted.unreadable.any()) {
      issues.add("scan_without_size", movie,
                 [&] { return fmt::format("{} has a scan without its size: the frames are taken as one line", name); });
    }
    return std::nullopt;
  }
  if (has_frames(*noted.size, frames)) return noted.size;
  issues.add("scan_disagrees", movie, [&] {
    return fmt::format(
        "{} has a scan of {} x {} positions (width x height) with {} frames each, but {} frames are there: they are "
        "taken as one line",
        name, noted.size->width, noted.size->height, noted.size->frames_per_position, frames);
  });
  return std::nullopt;
}

/// Whether the steps that are noted are those of a scan that is given instead.
bool are_of_given(const noted_scan& noted, const scan_shape& given) {
  return noted.enabled && noted.is_raster() && noted.size && noted.size->width == given.width &&
         noted.size->height == given.height;
}

/// -1: not known to the camera.
stated_axes steps_in(const noted_values& noted, const fs::path& description, issue_list& issues) {
  unreadable_numbers unreadable;
  const auto axis = [&](std::string_view name, const char* unit) -> std::optional<stated_axis> {
    const std::optional<double> step = unreadable.real(name, noted.text(name));
    return step && *step > 0 ? std::optional(stated_axis{0, *step, unit}) : std::nullopt;
  };
  constexpr std::string_view voltage = "Instrument Accelerating Voltage (V)";
  stated_axes axes{.scan_row = axis("Specimen Pixel Size Y (nanometers)", "nm"),
                   .scan_column = axis("Specimen Pixel Size X (nanometers)", "nm"),
                   .row = axis("Diffraction Pixel Size Y", "1/nm"),
                   .column = axis("Diffraction Pixel Size X", "1/nm"),
                   .beam_kv = unreadable.real(voltage, noted.text(voltage)).value_or(0) / 1000};
  unreadable.report(description, "they are not taken over", issues);
  return axes;
}

}  // namespace

movie_description movie_description_of(const fs::path& movie, std::uint64_t frames, const std::optional<scan_shape>& given,
                                       issue_list& issues) {
  movie_description made;
  const std::optional<noted_description> description = description_of_movie(movie, issues);
  if (!description) return made;
  const noted_scan noted = scan_in(description->values);
  made.axes = steps_in(description->values, description->file, issues);
  if (!given) {
    made.scan = take_scan(noted, movie, description->file, frames, issues);
  } else if (noted.enabled && noted.is_raster() && noted.size && has_frames(*noted.size, frames)) {
    made.scan = noted.size;
  }
  if ((given ? are_of_given(noted, *given) : made.scan.has_value()) || !(made.axes.scan_row || made.axes.scan_column))
    return made;
  made.axes.scan_row.reset();
  made.axes.scan_column.reset();
  if (given) {
    issues.add("scan_step_not_taken", description->file, [&] {
      return fmt::format(
          "notes the specimen pixel size of {}, and a scan of {} x {} positions (width x height) was given: it is not taken "
          "over; give the step of the scan",
          noted.words(), given->width, given->height);
    });
  }
  return made;
}

}  // namespace countem::io
