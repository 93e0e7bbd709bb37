#include "io/sources/mrc/movie_description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "io/sources/noted_values.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// For DAY_NUMBER_0_movie.mrc these are DAY_NUMBER_0_info.txt, DAY_NUMBER_info.txt and DAY_info.txt; the first that is there.
std::optional<fs::path> description_of_movie(const fs::path& movie) {
  std::string stem = movie.stem().string();
  constexpr std::string_view ending = "_movie";
  if (!stem.ends_with(ending)) return std::nullopt;
  for (std::size_t end = stem.size() - ending.size(); end != std::string::npos && end > 0; end = stem.rfind('_')) {
    stem.resize(end);
    const fs::path candidate = movie.parent_path() / (stem + "_info.txt");
    std::error_code unknown;
    if (fs::is_regular_file(candidate, unknown)) return candidate;
  }
  return std::nullopt;
}

std::optional<scan_shape> noted_scan(const noted_values& noted) {
  const bool is_part = noted.text("Scan - ROI Enable") == "Enable";
  const auto width = noted.number<std::uint32_t>(is_part ? "Scan - ROI Size X" : "Scan - Size X");
  const auto height = noted.number<std::uint32_t>(is_part ? "Scan - ROI Size Y" : "Scan - Size Y");
  if (!width || !height || *width == 0 || *height == 0) return std::nullopt;
  return scan_shape{*height, *width, std::max(1U, noted.number<std::uint32_t>("Scan - Camera Frames Per Point").value_or(1))};
}

void take_scan(const noted_values& noted, const fs::path& movie, const fs::path& description, std::uint64_t frames,
               movie_description& into, issue_list& issues) {
  if (noted.text("Scan - Enable") != "Enable") return;
  const std::string_view type = noted.text("Scan - Type");
  if (type != "Raster") {
    issues.add("scan_is_no_raster", movie, [&] {
      return fmt::format("{} has a scan of type {}, whose positions are no raster: the frames are taken as one line",
                         description.filename().string(), type);
    });
    return;
  }
  const std::optional<scan_shape> scan = noted_scan(noted);
  if (!scan) return;
  if (scan->frames() == frames) {
    into.scan = scan;
    return;
  }
  issues.add("scan_disagrees", movie, [&] {
    return fmt::format(
        "{} has a scan of {} x {} positions (width x height) with {} frames each, but {} frames are there: they are "
        "taken as one line",
        description.filename().string(), scan->width, scan->height, scan->frames_per_position, frames);
  });
}

void take_steps(const noted_values& noted, movie_description& into) {
  // -1: not known to the camera.
  const auto axis = [&](std::string_view name, const char* unit) -> std::optional<stated_axis> {
    const std::optional<double> step = noted.number<double>(name);
    return step && *step > 0 ? std::optional(stated_axis{0, *step, unit}) : std::nullopt;
  };
  into.axes.row = axis("Diffraction Pixel Size Y", "1/nm");
  into.axes.column = axis("Diffraction Pixel Size X", "1/nm");
  if (into.scan) {
    into.axes.scan_row = axis("Specimen Pixel Size Y (nanometers)", "nm");
    into.axes.scan_column = axis("Specimen Pixel Size X (nanometers)", "nm");
  }
  into.axes.beam_kv = noted.number<double>("Instrument Accelerating Voltage (V)").value_or(0) / 1000;
}

}  // namespace

movie_description movie_description_of(const fs::path& movie, std::optional<std::uint64_t> frames, issue_list& issues) {
  movie_description made;
  const std::optional<fs::path> description = description_of_movie(movie);
  if (!description) return made;
  const noted_values noted(*description, '=');
  if (frames) take_scan(noted, movie, *description, *frames, made, issues);
  take_steps(noted, made);
  return made;
}

}  // namespace countem::io
