#include "io/sources/hdf5/find.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <span>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/object.hpp"
#include "io/sources/hdf5/axes.hpp"
#include "io/sources/hdf5/dm5.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"

namespace countem::io {

namespace {

constexpr std::size_t most_choices = 8;                          // that a sentence lists
constexpr std::string_view behind_its_file = "behind its file";  // images have no option for a dataset

bool has_kind(hid_t file, const std::string& path, H5O_type_t kind) {
  return object_type(file, path) == kind;
}

std::string join(const std::string& group, const std::string& child) {
  return group.ends_with('/') ? group + child : group + "/" + child;
}

/// Lengths of a dataset's axes as frames have them (scan, row, column); empty where it has not 2 to 5 axes, or no numbers.
/// `are_numbers`: becomes false where it has the axes of frames and holds something else.
std::vector<std::uint64_t> usual_extent(hid_t file, const std::string& path, bool* are_numbers = nullptr) {
  const hdf5_handle dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), path);
  const std::vector<hsize_t> extent = extent_of(dataset, path);
  if (extent.size() < 2 || extent.size() > 5) return {};
  if (!number_type_of(dataset, path)) {
    if (are_numbers != nullptr && extent.size() > 2) *are_numbers = false;
    return {};
  }
  return axes_of(file, path.starts_with('/') ? path : join("", path), dataset, extent.size()).usual(extent);
}

/// Whether a dataset has the axes of frames: 3 to 5 of them.
bool holds_frames(hid_t file, const std::string& path) {
  return has_kind(file, path, H5O_TYPE_DATASET) && usual_extent(file, path).size() >= 3;
}

/// Whether a dataset is one image of this shape.
bool is_image(hid_t file, const std::string& path, frame_shape shape) {
  return is_one_image(usual_extent(file, path), shape);
}

/// data_000001, data_000002, ... of a group, in order of their numbers; links that lead nowhere are among them.
std::vector<std::string> decimal_segments(hid_t file, const std::string& group) {
  if (!has_kind(file, group, H5O_TYPE_GROUP)) return {};
  const auto take = [](hid_t, const char* link, const H5L_info_t*, void* names) -> herr_t {
    constexpr std::string_view prefix = "data_";
    const std::string_view word(link);
    const bool fits = word.size() > prefix.size() && word.starts_with(prefix) &&
                      std::all_of(word.begin() + prefix.size(), word.end(),
                                  [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
    if (fits) static_cast<std::vector<std::string>*>(names)->emplace_back(word);
    return 0;
  };
  std::vector<std::string> names;
  hdf5_check(H5Literate_by_name(file, group.c_str(), H5_INDEX_NAME, H5_ITER_INC, nullptr, take, &names, H5P_DEFAULT), group);
  std::sort(names.begin(), names.end(),
            [](const std::string& a, const std::string& b) { return std::pair(a.size(), a) < std::pair(b.size(), b); });
  for (std::string& segment : names) segment = join(group, segment);
  return names;
}

/// The dataset that a NeXus group leads to: `default` from group to group, then `signal`.
std::string default_plot(hid_t file, std::string group) {
  constexpr int deepest = 8;
  for (int depth = 0; depth < deepest && has_kind(file, group, H5O_TYPE_GROUP); ++depth) {
    const hdf5_handle opened(H5Gopen2(file, group.c_str(), H5P_DEFAULT), group);
    if (const std::string signal = find_text_attribute(opened, "signal"); !signal.empty()) return join(group, signal);
    const std::string next = find_text_attribute(opened, "default");
    if (next.empty()) break;
    group = join(group, next);
  }
  return {};
}

/// Every dataset of frames in the file, by kind of the group it is in. Each object is seen once, under one of its names.
struct census {
  std::vector<std::string> velox;  ///< images with several frames
  std::vector<std::string> velox_single;
  std::vector<std::string> emd;
  std::vector<std::string> nexus;
  std::vector<std::string> dm5;  ///< images of Digital Micrograph with more than two axes
  std::vector<std::string> dm5_single;
  std::vector<std::string> others;
  std::vector<std::string> narrow;   ///< frames with a side of 1 to 3 pixels: rather a table of vectors or matrices
  std::vector<std::string> images;   ///< of two axes
  std::vector<std::string> refused;  ///< with the axes of frames, and why they cannot be read
};

bool is_emd_group(hid_t group) {
  if (!has_attribute(group, "emd_group_type")) return false;
  if (const std::string kind = find_text_attribute(group, "emd_group_type"); !kind.empty()) return kind == "array";
  const hdf5_handle attribute(H5Aopen(group, "emd_group_type", H5P_DEFAULT), "emd_group_type");
  const hdf5_handle type(H5Aget_type(attribute), "emd_group_type");
  return H5Tget_class(type) == H5T_INTEGER;
}

/// Whether a NeXus group holds its frames in the dataset of this name.
bool is_nexus_data(hid_t group, const std::string& dataset) {
  const std::string kind = find_text_attribute(group, "NX_class");
  if (kind == "NXdetector") return dataset == "data";
  return kind == "NXdata" && (find_text_attribute(group, "signal") == dataset || dataset == "data");
}

void take_object(hid_t file, bool of_velox, const std::string& path, census& found) {
  bool are_numbers = true;
  const std::vector<std::uint64_t> extent = usual_extent(file, path, &are_numbers);
  if (!are_numbers) found.refused.push_back(join("", path) + ": its elements are not numbers of up to 64 bits");
  if (extent.size() < 2) return;
  const std::size_t slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "/" : join("", path.substr(0, slash));
  const std::string dataset = slash == std::string::npos ? path : path.substr(slash + 1);
  const hdf5_handle group(H5Gopen2(file, parent.c_str(), H5P_DEFAULT), path);
  const auto sides = std::minmax(extent[extent.size() - 2], extent.back());
  constexpr std::uint64_t narrowest = 4;
  const auto kind = [&]() -> std::vector<std::string>& {
    if (is_dm5_image(join("", path))) return extent.size() > 2 ? found.dm5 : found.dm5_single;
    if (extent.size() == 2 || dataset == "pixel_mask") return found.images;
    if (of_velox && path.starts_with("Data/Image/") && dataset == "Data")
      return extent.front() > 1 ? found.velox : found.velox_single;
    if (dataset == "data" && is_emd_group(group)) return found.emd;
    if (is_nexus_data(group, dataset)) return found.nexus;
    return sides.first < narrowest ? found.narrow : found.others;
  };
  kind().push_back(join("", path));
}

census take_census(hid_t file, const std::string& name) {
  census found;
  const bool of_velox = is_velox(file);
  const std::string what = name + ": cannot be searched for frames";
  const auto look = [&](const char* path, H5O_type_t type) {
    try {
      if (type == H5O_TYPE_DATASET) take_object(file, of_velox, path, found);
    } catch (const hdf5_refusal&) {  // for a reason that it shows when it is named
      found.others.push_back(join("", path));
    } catch (const format_error& problem) {
      throw format_error(what + ": " + problem.what());
    }
    return true;
  };
  visit_objects(file, look, what);
  for (const std::string& thumbnail : dm5_thumbnails(file)) std::erase(found.dm5_single, thumbnail);
  return found;
}

std::string only_one(std::vector<std::string> paths, const std::string& name, bool is_image) {
  if (paths.size() == 1) return paths.front();
  const bool more = paths.size() > most_choices;
  if (more) paths.resize(most_choices);
  throw format_error(fmt::format("{}: holds several datasets that may be {} ({}{})", name, is_image ? "the image" : "frames",
                                 fmt::join(paths, ", "), more ? ", ..." : ""),
                     {{advice_kind::dataset, is_image ? std::string(behind_its_file) : std::string()}});
}

std::span<const std::string> first_of(const std::vector<std::string>& all) {
  return std::span(all).first(std::min(all.size(), most_choices));
}

frame_datasets find_wanted(hid_t file, const std::string& wanted, const std::string& name) {
  if (has_kind(file, wanted, H5O_TYPE_DATASET)) return {{wanted.starts_with('/') ? wanted : join("", wanted)}};
  if (!has_kind(file, wanted, H5O_TYPE_GROUP)) throw format_error(fmt::format("{}: has no dataset {}", name, wanted));
  if (auto segments = decimal_segments(file, wanted); !segments.empty()) return {std::move(segments), true};
  if (const std::string plot = default_plot(file, wanted); !plot.empty() && holds_frames(file, plot)) return {{plot}};
  if (const std::string data = join(wanted, "data"); holds_frames(file, data)) return {{data}};
  if (const std::string data = join(wanted, "ImageData/Data"); has_kind(file, data, H5O_TYPE_DATASET)) return {{data}};
  throw format_error(
      fmt::format("{}: the group {} holds no frames by any convention known: name the dataset itself", name, wanted));
}

}  // namespace

frame_datasets find_frame_datasets(hid_t file, const std::string& wanted, const std::string& name,
                                   const std::optional<frame_shape>& image) {
  const auto lock = hdf5_lock();
  if (!wanted.empty()) return find_wanted(file, wanted, name);
  if (auto segments = decimal_segments(file, "/entry/data"); !segments.empty()) return {std::move(segments), true};
  if (const std::string plot = default_plot(file, "/"); !plot.empty() && holds_frames(file, plot)) return {{plot}};
  const census found = take_census(file, name);
  for (const auto* kind :
       {&found.velox, &found.velox_single, &found.emd, &found.nexus, &found.dm5, &found.dm5_single, &found.others}) {
    if (!kind->empty()) return {{only_one(*kind, name, image.has_value())}};
  }
  if (!found.narrow.empty() && !image) {
    throw format_error(fmt::format("{}: holds {}, whose frames would have a side of 1 to 3 pixels: name it if it is meant",
                                   name, fmt::join(found.narrow, ", ")),
                       {{advice_kind::dataset}});
  }
  if (!found.images.empty()) return {{only_one(found.images, name, image.has_value())}};
  if (image) throw format_error(fmt::format("{}: holds no image of {} x {} numbers", name, image->height, image->width));
  throw format_error(fmt::format("{}: holds no dataset of numbers with the axes of frames (3 to 5 of them){}{}", name,
                                 found.refused.empty() ? "" : "; left out: ", fmt::join(first_of(found.refused), "; ")));
}

std::string find_image_dataset(hid_t file, frame_shape shape, const std::string& name) {
  const auto lock = hdf5_lock();
  constexpr const char* own_sum = "reductions/sum";
  std::vector<std::string> images;
  const auto look = [&](const char* path, H5O_type_t type) {
    if (type == H5O_TYPE_DATASET && is_image(file, path, shape)) images.emplace_back(path);
    return true;
  };
  visit_objects(file, look, name + ": cannot be searched for images");
  for (const std::string& thumbnail : dm5_thumbnails(file)) std::erase(images, thumbnail.substr(1));
  if (std::ranges::find(images, own_sum) != images.end()) return own_sum;
  return images.empty() ? std::string() : only_one(std::move(images), name, true);
}

}  // namespace countem::io
