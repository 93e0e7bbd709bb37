#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/sources/frame_axes.hpp"

// What the axes of a dataset stand for by the program that wrote it.
namespace countem::io {

/// The axes of a dataset at this absolute path, by the program that wrote it: Velox (row, column, frame); MATLAB, in whose own
/// order an image comes first, and whose files hold all axes reversed; hyperspy's EMD files, all reversed; Prismatic's slices
/// (row, column, frame); the four axes of Digital Micrograph's DM5, which states whether those of the scan or of the detector
/// come first; else the usual order. Callers hold hdf5_lock(). `dataset`: the one at the path, `rank`: its axes, 2 to 5.
[[nodiscard]] frame_axes axes_of(hid_t file, const std::string& path, hid_t dataset, std::size_t rank);

/// Refuses a signal of hyperspy that has not just two signal axes: spectra are no frames. Callers hold hdf5_lock().
/// @throws format_error
void check_signal_axes(hid_t file, const std::string& path, std::size_t rank, const std::string& what);

/// Puts the frames of a box as it was read, elements in the dataset's order, one behind the other, each row by row.
/// `extent`: of the box, in elements by axis; `element_bytes`: 1, 2, 4 or 8.
void turn_frames(const frame_axes& axes, const std::vector<hsize_t>& extent, std::size_t element_bytes, const std::byte* from,
                 std::byte* to);

/// Whether the file is an EMD of Velox: its root holds a text of that format.
[[nodiscard]] bool is_velox(hid_t file);

}  // namespace countem::io
