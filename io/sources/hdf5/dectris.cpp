#include "io/sources/hdf5/dectris.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"
#include "io/sources/hdf5/unwritten.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr const char* detector = "/entry/instrument/detector/";

/// @throws format_error that names the file, too
template <class T>
std::vector<T> numbers_at(hid_t file, const std::string& path, std::uint64_t limit) {
  try {
    return read_dataset<T>(file, path, nullptr, limit);
  } catch (const format_error& problem) {
    throw format_error(place_of(file, problem.what()));
  }
}

/// Why the mask at a path is none for frames of this shape; empty: it is one.
std::string what_is_wrong(hid_t file, const std::string& path, frame_shape shape, const std::string& what) {
  if (object_type(file, path) != H5O_TYPE_DATASET) return "it leads to no dataset that can be opened";
  const hdf5_handle dataset = open_dataset(file, path, what);
  const std::vector<hsize_t> extent = extent_of(dataset, what);
  if (!is_one_image(extent, shape))
    return fmt::format("it is of {} elements, frames of {} x {} pixels", fmt::join(extent, " x "), shape.height, shape.width);
  bool is_written = stored_bytes(dataset, what) > 0;
  find_unwritten(dataset, what, [&](auto, auto, absence) { is_written = false; });
  return is_written ? "" : "it was never written, or only in part";
}

/// The mask at a path, if one of this shape is there. All but 0 masks.
std::vector<std::uint8_t> mask_at(hid_t file, const std::string& path, frame_shape shape, const fs::path& name,
                                  issue_list& issues) {
  if (!has_link(file, path)) return {};
  const std::string what = fmt::format("{}: dataset {}", name.string(), path);
  if (const std::string wrong = what_is_wrong(file, path, shape, what); !wrong.empty()) {
    issues.add("pixel_mask_unused", name,
               [&] { return fmt::format("has a mask ({}) that masks no pixel here: {}", path, wrong); });
    return {};
  }
  const std::vector<double> values = numbers_at<double>(file, path, shape.pixels());
  std::vector<std::uint8_t> masked(values.size());
  std::transform(values.begin(), values.end(), masked.begin(), [](double reasons) { return reasons == 0 ? 0 : 1; });
  return masked;
}

}  // namespace

bool is_of_dectris(hid_t file) {
  return object_type(file, std::string(detector) + "detectorSpecific") == H5O_TYPE_GROUP ||
         object_type(file, "entry/data/data_000001") == H5O_TYPE_DATASET;
}

std::optional<std::uint64_t> claimed_frames(hid_t file) {
  const std::string facts = std::string(detector) + "detectorSpecific/";
  if (object_type(file, facts + "nimages") != H5O_TYPE_DATASET) return std::nullopt;
  std::uint64_t frames = 1;
  for (const char* name : {"nimages", "ntrigger"}) {
    if (object_type(file, facts + name) != H5O_TYPE_DATASET) continue;  // one trigger
    const std::vector<std::uint64_t> number = numbers_at<std::uint64_t>(file, facts + name, 1);
    if (number.size() != 1 || __builtin_mul_overflow(frames, number[0], &frames)) return std::nullopt;
  }
  return frames == 0 ? std::nullopt : std::optional(frames);
}

std::optional<scan_shape> scan_of_master(const fs::path& master) {
  constexpr std::string_view ending = "_master";
  const std::string stem = master.stem().string();
  if (!stem.ends_with(ending)) return std::nullopt;
  const fs::path beside = master.parent_path() / (stem.substr(0, stem.size() - ending.size()) + master.extension().string());
  std::error_code absent;
  if (!fs::is_regular_file(beside, absent)) return std::nullopt;
  try {
    const hdf5_handle file = open_hdf5(beside);
    if (object_type(file, "STEM Metadata") != H5O_TYPE_GROUP) return std::nullopt;
    const hdf5_handle group = open_group(file, "STEM Metadata");
    if (!has_attribute(group, "NumPixelsX") || !has_attribute(group, "NumPixelsY")) return std::nullopt;
    const auto width = read_number_attribute<std::int64_t>(group, "NumPixelsX");
    const auto height = read_number_attribute<std::int64_t>(group, "NumPixelsY");
    constexpr std::int64_t longest = std::int64_t{1} << 28;
    if (std::min(width, height) < 1 || std::max(width, height) > longest) return std::nullopt;
    return scan_shape{static_cast<std::uint32_t>(height), static_cast<std::uint32_t>(width), 1};
  } catch (const error&) {  // not a description, or one that cannot be read: the frames can
    return std::nullopt;
  }
}

std::vector<std::uint8_t> masked_pixels(hid_t file, const std::string& frames, frame_shape shape, const fs::path& name,
                                        issue_list& issues) {
  std::vector<std::string> paths{std::string(detector) + "detectorSpecific/pixel_mask", std::string(detector) + "pixel_mask"};
  const std::string beside = frames.substr(0, frames.find_last_of('/') + 1) + "pixel_mask";
  if (std::ranges::find(paths, beside) == paths.end()) paths.push_back(beside);
  for (const std::string& path : paths) {
    std::vector<std::uint8_t> masked = mask_at(file, path, shape, name, issues);
    const auto pixels = std::count(masked.begin(), masked.end(), std::uint8_t{1});
    if (pixels == 0) continue;
    if (static_cast<std::uint64_t>(pixels) == shape.pixels()) {
      issues.add("pixel_mask_unused", name, [&] {
        return fmt::format("marks all {} pixels as unusable ({}), which would leave nothing: this mask is not used", pixels,
                           path);
      });
      continue;
    }
    issues.add("pixel_mask", name, [&] {
      return fmt::format("marks {} of {} pixels as unusable ({}): they are masked", pixels, shape.pixels(), path);
    });
    return masked;
  }
  return {};
}

}  // namespace countem::io
