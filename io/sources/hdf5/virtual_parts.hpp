#pragma once

#include <hdf5.h>

#include <optional>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/unwritten.hpp"

// Parts of virtual datasets. Callers hold hdf5_lock().
namespace countem::io {

/// Whether a selection is of so many elements, and does not grow with its dataset.
[[nodiscard]] bool has_end(hid_t space);

/// A part of a virtual dataset of this extent. What grows with a source is cut where the dataset ends now; the names of
/// sources that are numbered are not made, so that such a part stays without an end.
[[nodiscard]] virtual_part part_within(const virtual_makeup& makeup, std::size_t number, const std::vector<hsize_t>& extent,
                                       const std::string& what);

/// Lengths of the axes of a dataspace.
[[nodiscard]] std::vector<hsize_t> lengths_of(hid_t space, const std::string& what);

/// Blocks at equal distances along each axis.
struct regular_blocks {
  std::vector<hsize_t> start{};
  std::vector<hsize_t> stride{};
  std::vector<hsize_t> count{};
  std::vector<hsize_t> block{};
};
/// Those of a selection that is their product; nothing of any other.
[[nodiscard]] std::optional<regular_blocks> regular_blocks_of(hid_t space, const std::string& what);

/// The boxes that make up a selection of a dataspace; none of one without an end.
void use_boxes(hid_t space, const std::string& what, const box_use& use);

}  // namespace countem::io
