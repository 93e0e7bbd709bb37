#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/numbers.hpp"

// Groups and whole datasets.
namespace countem::io {

/// Makes a group whose attributes keep their order. No times are stored: the same contents, the same bytes.
[[nodiscard]] hdf5_handle make_group(hid_t parent, const std::string& path);

/// Whether every link of an absolute or relative path exists below `location`, wherever the last one leads.
[[nodiscard]] bool has_link(hid_t location, const std::string& path);

/// The same, and there is an object.
[[nodiscard]] bool has_path(hid_t location, const std::string& path);

/// How chunks are stored.
struct compression {
  bool shuffle = false;  ///< bytes of one significance side by side first
  unsigned deflate = 1;  ///< level, 1 to 9
};

/// Chunks of a dataset with these creation properties are compressed. A chunk that cannot be is an error when it is written.
void compress(hid_t creation, const compression& wanted, const std::string& what);

/// The chunks of a compressed dataset: 64 rows (axis 0) or less, so that none is above 4 MiB; parts of a row where that is
/// more.
[[nodiscard]] std::vector<hsize_t> chunk_extent(std::vector<hsize_t> extent, std::size_t element_bytes);

/// Makes a dataset (groups on the way included) and writes all of it. `deflate` 0: contiguous.
template <class T>
void write_dataset(hid_t location, const std::string& path, const std::vector<hsize_t>& extent, const T* values,
                   int deflate = 0);

/// Reads a whole dataset, its numbers as they are; `extent` gets its shape. @throws format_error when it is absent, larger than
/// `limit` elements or than what is stored can make, or when T or `expected` does not hold an element
template <class T>
[[nodiscard]] std::vector<T> read_dataset(hid_t location, const std::string& path, std::vector<hsize_t>* extent = nullptr,
                                          std::uint64_t limit = std::uint64_t{1} << 33,
                                          const number_range<std::type_identity_t<T>>& expected = {});

}  // namespace countem::io
