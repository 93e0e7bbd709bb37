#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "io/hdf5/handle.hpp"

namespace countem::io {

/// Takes a box of a dataset: where it begins and ends, in elements by axis.
using box_use = std::function<void(std::span<const hsize_t> first, std::span<const hsize_t> end)>;

/// Why a part of a dataset has no bytes.
enum class absence : std::uint8_t {
  unwritten,  ///< they were never written, or the file that should hold them does not
  unmapped    ///< no source of a virtual dataset is to hold them
};
using unwritten_part = std::function<void(std::span<const hsize_t> first, std::span<const hsize_t> end, absence why)>;

/// Shows the parts of a dataset for which HDF5 gives fill values because no bytes are there: chunks without a place in the
/// file, and what external files are too short for (in whole blocks of the last two axes); of a virtual dataset also what no
/// part of it holds, what lies in sources that are not there or are shorter than it takes them for, and such chunks and files
/// of its sources, virtual ones included. Chunks that a program had allotted before it wrote them look like written ones. Time:
/// one walk through the index of the chunks; where some lack, one search of it for each chunk. Callers hold hdf5_lock().
/// @throws as hdf5_check() with `what`; format_error where a virtual dataset without end has sources of which a part lacks
void find_unwritten(hid_t dataset, const std::string& what, const unwritten_part& use);

}  // namespace countem::io
