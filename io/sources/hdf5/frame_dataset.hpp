#pragma once

#include <filesystem>
#include <string>
#include <vector>

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

/// Length of each axis.
[[nodiscard]] std::vector<hsize_t> extent_of(hid_t dataset, const std::string& what);

/// Opens a dataset whose chunks the library can unpack, with a cache that suits reading in scan order; `name` is the file's.
/// @throws format_error when a filter is not installed or chunks are too large
[[nodiscard]] hdf5_handle open_frame_dataset(hid_t file, const std::string& path, const frame_axes& axes,
                                             const std::filesystem::path& name, issue_list& issues);

}  // namespace countem::io
