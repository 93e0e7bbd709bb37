#pragma once

#include <filesystem>

#include <countem/store_geometry.hpp>

#include "io/hdf5/handle.hpp"
#include "io/sources/hdf5/segments.hpp"
#include "io/sources/source_issues.hpp"

// Origins, steps and units that HDF5 files state for the axes of a dataset. Callers hold hdf5_lock().
namespace countem::io {

/// By the convention of what the dataset lies in: an EMD group (dimN, also as py4DSTEM writes them), a signal of hyperspy
/// (axis-N), an NXdata (axes), an NXdetector (x_pixel_size, distance), an image of Velox (Metadata), one of DM5 (Calibrations).
/// What is taken over and what is not becomes an issue.
[[nodiscard]] axis_lengths stated_lengths(hid_t file, const segment& frames, const std::filesystem::path& name,
                                          issue_list& issues);

}  // namespace countem::io
