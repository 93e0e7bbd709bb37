#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <countem/frame.hpp>

#include "io/hdf5/handle.hpp"
#include "io/sources/hdf5/axes.hpp"
#include "io/sources/pixel_conversion.hpp"
#include "io/sources/source_issues.hpp"

// One dataset of frames: its type, its axes, and how it is opened. Callers hold hdf5_lock().
namespace countem::io {

/// The in-memory HDF5 type of pixels.
[[nodiscard]] hid_t memory_type(stored_type type);

/// The smallest of our types that holds what the dataset's type does. @throws format_error when `what` holds no numbers
[[nodiscard]] stored_type type_of(hid_t dataset, const std::string& what);

/// The same; nothing where it holds no numbers.
[[nodiscard]] std::optional<stored_type> number_type_of(hid_t dataset, const std::string& what);

/// Length of each axis.
[[nodiscard]] std::vector<hsize_t> extent_of(hid_t dataset, const std::string& what);

/// Whether lengths of axes are those of one image of this shape, whatever axes of length 1 stand before it.
template <class Length>
[[nodiscard]] bool is_one_image(const std::vector<Length>& extent, frame_shape shape) {
  return extent.size() >= 2 && extent[extent.size() - 2] == shape.height && extent.back() == shape.width &&
         std::all_of(extent.begin(), extent.end() - 2, [](Length length) { return length == 1; });
}

/// Opens a dataset whose chunks the library can unpack, with a cache that suits reading in scan order; `name` is the file's.
/// @throws format_error when a filter is not installed or chunks are too large
[[nodiscard]] hdf5_handle open_frame_dataset(hid_t file, const std::string& path, const frame_axes& axes,
                                             const std::filesystem::path& name, issue_list& issues);

}  // namespace countem::io
