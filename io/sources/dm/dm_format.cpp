#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/sources/dm/dm_meaning.hpp"
#include "io/sources/dm/dm_tags.hpp"
#include "io/sources/dm/entries.hpp"
#include "io/sources/flat/flat_source.hpp"
#include "io/sources/scattered_source.hpp"
#include "io/sources/sources.hpp"
#include "io/sources/stated_axes.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// The image that holds frames: the only one with three or four axes, else the only one with two; thumbnails do not count.
/// @throws format_error
const dm_image& image_of_frames(const dm_contents& contents, const std::string& name) {
  std::vector<std::pair<std::uint64_t, const dm_image*>> stacks;
  std::vector<std::pair<std::uint64_t, const dm_image*>> images;
  for (const auto& [place, image] : contents.images) {
    const auto& thumbnails = contents.thumbnails;
    if (std::find(thumbnails.begin(), thumbnails.end(), place) != thumbnails.end() && contents.images.size() > 1) continue;
    if (!image.data || !image.type) continue;
    const std::size_t axes = image.dimensions.size();
    if (axes == 3 || axes == 4) stacks.emplace_back(place, &image);
    if (axes == 2) images.emplace_back(place, &image);
  }
  const auto& candidates = stacks.empty() ? images : stacks;
  if (candidates.size() == 1) return *candidates.front().second;
  if (candidates.empty()) throw format_error(name + ": holds no image of two to four axes");
  std::vector<std::string> list;
  for (const auto& [place, image] : candidates)
    list.push_back(fmt::format("image {} of ({})", place, fmt::join(image->dimensions, ", ")));
  throw format_error(fmt::format("{}: holds several images, and which are the frames cannot be told: {}; save that one alone",
                                 name, fmt::join(list, ", ")));
}

scattered_layout layout_of_image(const dm_image& image, bool big_endian, const std::string& name) {
  const auto type = dm_pixel_type(*image.type);
  if (!type) throw format_error(fmt::format("{}: pixels of DataType {} cannot be read: real numbers can", name, *image.type));
  if (image.format == "Spectrum image") throw format_error(name + ": holds a spectrum image, not frames");
  scattered_layout layout;
  // Fastest first: (x, y, frame) or (x, y, scan x, scan y); where the order was not swapped (scan x, scan y, x, y).
  layout.extent.assign(image.dimensions.rbegin(), image.dimensions.rend());
  check_extent(layout.extent, name);
  layout.axes = usual_axes(layout.extent.size());
  if (layout.extent.size() == 4) {
    if (!image.order_swapped) {
      throw format_error(
          fmt::format("{}: whether the scan or the detector comes first in its 4 axes ({}) cannot be told, since it has no tag "
                      "\"Data Order Swapped\": "
                      "save the frames in another format",
                      name, fmt::join(image.dimensions, ", ")));
    }
    if (!*image.order_swapped) layout.axes = image_first_axes(4);
  }
  const array_extent extent = extent_of_array(layout.axes.usual(layout.extent), name);
  layout.flat.shape = extent.shape;
  layout.flat.type = *type;
  layout.flat.big_endian = big_endian;
  layout.flat.offset_bytes = image.data->offset_bytes;
  layout.flat.more_behind = true;
  layout.flat.claimed = extent.scan;
  check_claimed_scan(extent.scan, image.data->elements / extent.shape.pixels(), name);
  if (extent.scan.frames() * extent.shape.pixels() > image.data->elements) {
    throw format_error(fmt::format("{}: its {} elements are fewer than its axes ({}) need", name, image.data->elements,
                                   fmt::join(image.dimensions, ", ")));
  }
  return layout;
}

/// By the axes' order in the file, the fastest first.
stated_axes calibrated_axes(const dm_image& image, bool scattered) {
  stated_axes stated;
  const std::size_t rank = image.dimensions.size();
  if (rank < 3) return stated;
  const auto axis = [&](std::size_t number) -> std::optional<stated_axis> {
    if (number >= image.calibrations.size() || image.dimensions[number] < 2) return std::nullopt;
    const dm_image::calibration& known = image.calibrations[number];
    return dm_axis(known.origin, known.scale, known.units);
  };
  const std::size_t detector = scattered ? 2 : 0;
  const std::size_t scan = scattered ? 0 : 2;
  stated.column = axis(detector);
  stated.row = axis(detector + 1);
  stated.scan_column = axis(scan);
  if (rank == 4) stated.scan_row = axis(scan + 1);
  stated.beam_kv = image.voltage_v / 1000;
  return stated;
}

std::unique_ptr<frame_source> open_dm(const std::vector<fs::path>& files, const source_options& options, issue_list issues) {
  file_handle file = file_handle::open_read(files.front());
  const std::string name = file.path().string();
  const dm_contents contents = read_dm_tags(file);
  const dm_image& image = image_of_frames(contents, name);
  scattered_layout layout = layout_of_image(image, contents.big_endian, name);
  const bool scattered = !layout.axes.are_usual();
  if (!options.image) layout.flat.known.lengths = lengths_of(calibrated_axes(image, scattered), file.path(), issues);
  const input_format format = digital_micrograph().facts.format;
  if (scattered) return open_scattered(std::move(file), format, layout, options, std::move(issues));
  return open_flat(std::move(file), format, layout.flat, options, std::move(issues));
}

/// Version 3 or 4, then, behind the size, 0 or 1 for the order of bytes: big-endian numbers.
bool begins_as_dm(std::string_view bytes) {
  using namespace std::string_view_literals;
  const auto order = [&](std::size_t at) { return bytes.substr(at, 4) == "\0\0\0\1"sv || bytes.substr(at, 4) == "\0\0\0\0"sv; };
  return bytes.size() >= 32 &&
         ((bytes.starts_with("\0\0\0\3"sv) && order(8)) || (bytes.starts_with("\0\0\0\4"sv) && order(12)));
}

}  // namespace

const source_format& digital_micrograph() {
  static const source_format entry{.facts = {.format = input_format("dm"), .suffixes = {".dm4", ".dm3"}},
                                   .assumed_by_suffix = true,
                                   .begins = begins_as_dm,
                                   .open = open_dm};
  return entry;
}

}  // namespace countem::io
