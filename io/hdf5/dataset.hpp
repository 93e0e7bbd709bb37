#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"

// Groups and whole datasets.
namespace countem::io {

/// Makes a group whose attributes keep their order. No times are stored: the same contents, the same bytes.
[[nodiscard]] hdf5_handle make_group(hid_t parent, const std::string& path);

/// Whether every link of an absolute or relative path exists below `location`.
[[nodiscard]] bool has_path(hid_t location, const std::string& path);

/// Makes a dataset (groups on the way included) and writes all of it. `deflate` 0: contiguous.
template <class T>
void write_dataset(hid_t location, const std::string& path, const std::vector<hsize_t>& extent, const T* values,
                   int deflate = 0);

/// Reads a whole dataset, converted to T; `extent` gets its shape. @throws format_error when absent or larger than `limit`
/// elements.
template <class T>
[[nodiscard]] std::vector<T> read_dataset(hid_t location, const std::string& path, std::vector<hsize_t>* extent = nullptr,
                                          std::uint64_t limit = std::uint64_t{1} << 33);

}  // namespace countem::io
