#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

// What the axes of an array of frames stand for: programs put them in different orders.
namespace countem::io {

/// The axes of an array by what they stand for, as their numbers.
struct frame_axes {
  std::vector<std::size_t> scan;  ///< from the slowest: none, (frame), (scan row, scan column), or these and (repeat)
  std::size_t row = 0;            ///< of the detector
  std::size_t column = 0;         ///< of the detector
  std::string writer;             ///< whose order it is; empty: the usual one, or what the user gave

  /// Whether the detector's rows and columns are the last axes, and those of the scan come before in their order.
  [[nodiscard]] bool are_usual() const;
  /// The axes' numbers in the usual order: scan, row, column.
  [[nodiscard]] std::vector<std::size_t> usual() const;
  /// An array's extent in the usual order.
  template <class Length>
  [[nodiscard]] std::vector<std::uint64_t> usual(const std::vector<Length>& extent) const {
    std::vector<std::uint64_t> lengths;
    for (const std::size_t axis : usual()) lengths.push_back(extent[axis]);
    return lengths;
  }
  /// "row, column, frame": the names in the array's order.
  [[nodiscard]] std::string names() const;
};

/// Axis number i of the array is number usual_place[i] of the usual order.
[[nodiscard]] frame_axes placed_axes(const std::vector<std::size_t>& usual_place, std::string writer = {});
[[nodiscard]] frame_axes usual_axes(std::size_t rank);
/// The same axes of an array whose file holds them from the last to the first.
[[nodiscard]] frame_axes reversed_axes(frame_axes axes);
/// The detector's axes before those of the scan.
[[nodiscard]] frame_axes image_first_axes(std::size_t rank, std::string writer = {});

/// Axes named in the array's order, with commas: frame, scan_row, scan_column, repeat, row, column; of several orders with
/// semicolons between them that of `rank` axes. @throws invalid_argument when these are not the axes of `rank` axes' frames
[[nodiscard]] frame_axes axes_from(const std::string& names, std::size_t rank, const std::string& what);

/// The orders of axes_from() in which a program writes darks that writes frames in this one: the same; for each other number of
/// axes the one with rows and columns as they lie there, and the frames' axes, if these are neighbours, in their place.
[[nodiscard]] std::string axes_of_darks(const std::string& names);

/// How far apart neighbours along each axis lie in an array of this extent, in elements.
template <class Length>
[[nodiscard]] std::vector<std::uint64_t> steps_of(const std::vector<Length>& extent) {
  std::vector<std::uint64_t> steps(extent.size(), 1);
  for (std::size_t axis = extent.size(); axis-- > 1;) steps[axis - 1] = steps[axis] * extent[axis];
  return steps;
}

/// One axis along which elements are copied: how many, and how far apart they are in the source and in the target.
struct copied_axis {
  std::uint64_t length = 1;
  std::uint64_t from_step = 0;  ///< in elements
  std::uint64_t to_step = 0;    ///< in elements
};

/// Copies elements of 1, 2, 4 or 8 bytes from one order into another, along the last axis first. At least one axis.
void copy_elements(std::span<const copied_axis> axes, std::size_t element_bytes, const std::byte* from, std::byte* to);

}  // namespace countem::io
