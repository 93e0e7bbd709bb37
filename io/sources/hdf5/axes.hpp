#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"

// What the axes of a dataset stand for: programs put them in different orders.
namespace countem::io {

/// The axes of a dataset by what they stand for, as their numbers.
struct frame_axes {
  std::vector<std::size_t> scan;  ///< from the slowest: none, (frame), (scan row, scan column), or these and (repeat)
  std::size_t row = 0;            ///< of the detector
  std::size_t column = 0;         ///< of the detector
  std::string writer;             ///< whose order it is; empty: the usual one, or what the user gave

  /// Whether the detector's rows and columns are the last axes, and those of the scan come before in their order.
  [[nodiscard]] bool are_usual() const;
  /// A dataset's extent in the usual order: scan, row, column.
  [[nodiscard]] std::vector<std::uint64_t> usual(std::span<const hsize_t> extent) const;
  /// "row, column, frame": the names in the dataset's order.
  [[nodiscard]] std::string names() const;
};

/// Axes named in the dataset's order, with commas: frame, scan_row, scan_column, repeat, row, column.
/// @throws invalid_argument when these are not the axes of `rank` axes' frames
[[nodiscard]] frame_axes axes_from(const std::string& names, std::size_t rank, const std::string& what);

/// The axes of a dataset at this absolute path, by the program that wrote it: Velox (row, column, frame); MATLAB, in whose own
/// order an image comes first, and whose files hold all axes reversed; hyperspy's EMD files, all reversed; Prismatic's slices
/// (row, column, frame); the four axes of Digital Micrograph's DM5, which states whether those of the scan or of the detector
/// come first; else the usual order. Callers hold hdf5_lock(). `dataset`: the one at the path, `rank`: its axes, 2 to 5.
[[nodiscard]] frame_axes axes_of(hid_t file, const std::string& path, hid_t dataset, std::size_t rank);

/// Puts the frames of a box as it was read, elements in the dataset's order, one behind the other, each row by row.
/// `extent`: of the box, in elements by axis; `element_bytes`: 1, 2, 4 or 8.
void turn_frames(const frame_axes& axes, const std::vector<hsize_t>& extent, std::size_t element_bytes, const std::byte* from,
                 std::byte* to);

/// Whether the file is an EMD of Velox: its root holds a text of that format.
[[nodiscard]] bool is_velox(hid_t file);

}  // namespace countem::io
