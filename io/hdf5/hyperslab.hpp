#pragma once

#include <hdf5.h>

#include <span>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/numbers.hpp"

// Parts of datasets: a box of elements, read or written in one call.
namespace countem::io {

/// A box of a dataset's elements, slowest axis first, in elements.
struct slab {
  std::vector<hsize_t> start;   ///< one per axis
  std::vector<hsize_t> extent;  ///< one per axis

  /// Product of the extent.
  [[nodiscard]] hsize_t elements() const;
};

/// Reads a box of `dataset` into elements().memory_type elements at `to`, dense in row-major order; the memory type must hold
/// every value of the dataset's. A box without elements reads nothing. `what` begins each error's text. Takes hdf5_lock().
/// @throws format_error when the dataset has another number of axes or the box does not lie inside it; io_error when HDF5
/// refuses.
void read_slab(hid_t dataset, const slab& box, hid_t memory_type, void* to, const std::string& what);

/// Writes such a box from memory. @throws as read_slab()
void write_slab(hid_t dataset, const slab& box, hid_t memory_type, const void* from, const std::string& what);

/// @throws invalid_argument when the box and the memory differ in size.
void require_elements(const slab& box, std::size_t elements, const std::string& what);

/// The numbers of a box as they are, whatever their type in the file; `to` has as many elements as the box. Numbers that need
/// converting pass through memory piece by piece. @throws as read_slab(), and format_error naming the element that T or
/// `expected` does not hold, or where the dataset holds no numbers
template <class T>
void read_slab(hid_t dataset, const slab& box, std::span<T> to, const std::string& what,
               const number_range<std::type_identity_t<T>>& expected = {});

/// write_slab() with the in-memory type of T; `from` has as many elements as the box.
template <class T>
void write_slab(hid_t dataset, const slab& box, std::span<const T> from, const std::string& what) {
  require_elements(box, from.size(), what);
  write_slab(dataset, box, hdf5_type<T>(), from.data(), what);
}

}  // namespace countem::io
