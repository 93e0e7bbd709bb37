#include "io/hdf5/hyperslab.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include <countem/error.hpp>

namespace countem::io {

namespace {

struct selection {
  hdf5_handle file;    ///< the dataset's space with the box selected
  hdf5_handle memory;  ///< a dense space of the box's extent
};

selection select(hid_t dataset, const slab& box, const std::string& what) {
  if (box.start.size() != box.extent.size()) {
    throw invalid_argument(what + ": a box has " + std::to_string(box.start.size()) + " starts and " +
                           std::to_string(box.extent.size()) + " extents");
  }
  selection made;
  made.file = {H5Dget_space(dataset), what};
  const std::size_t axes = box.extent.size();
  const int dataset_axes = H5Sget_simple_extent_ndims(made.file);
  if (dataset_axes < 0 || static_cast<std::size_t>(dataset_axes) != axes) {
    throw format_error(what + ": the dataset has " + std::to_string(dataset_axes) + " axes where " + std::to_string(axes) +
                       " are expected");
  }
  std::vector<hsize_t> shape(axes);
  if (H5Sget_simple_extent_dims(made.file, shape.data(), nullptr) < 0) hdf5_check(-1, what);
  for (std::size_t axis = 0; axis < axes; ++axis) {
    if (box.start[axis] <= shape[axis] && box.extent[axis] <= shape[axis] - box.start[axis]) continue;
    throw format_error(what + ": elements " + std::to_string(box.start[axis]) + " to " +
                       std::to_string(box.start[axis] + box.extent[axis]) + " of axis " + std::to_string(axis) +
                       " are not all among the dataset's " + std::to_string(shape[axis]));
  }
  hdf5_check(H5Sselect_hyperslab(made.file, H5S_SELECT_SET, box.start.data(), nullptr, box.extent.data(), nullptr), what);
  made.memory = {H5Screate_simple(dataset_axes, box.extent.data(), nullptr), what};
  return made;
}

}  // namespace

hsize_t slab::elements() const {
  return std::accumulate(extent.begin(), extent.end(), hsize_t{1}, std::multiplies<>());
}

void require_elements(const slab& box, std::size_t elements, const std::string& what) {
  if (box.elements() == elements) return;
  throw invalid_argument(what + ": a box of " + std::to_string(box.elements()) + " elements does not fit memory for " +
                         std::to_string(elements));
}

void read_slab(hid_t dataset, const slab& box, hid_t memory_type, void* to, const std::string& what) {
  const auto lock = hdf5_lock();
  const selection part = select(dataset, box, what);
  if (box.elements() == 0) return;
  hdf5_check(H5Dread(dataset, memory_type, part.memory, part.file, H5P_DEFAULT, to), what);
}

void write_slab(hid_t dataset, const slab& box, hid_t memory_type, const void* from, const std::string& what) {
  const auto lock = hdf5_lock();
  const selection part = select(dataset, box, what);
  if (box.elements() == 0) return;
  hdf5_check(H5Dwrite(dataset, memory_type, part.memory, part.file, H5P_DEFAULT, from), what);
}

}  // namespace countem::io
