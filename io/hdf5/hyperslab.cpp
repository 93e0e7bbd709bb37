#include "io/hdf5/hyperslab.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include <countem/error.hpp>

#include "io/hdf5/number_types.hpp"

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
  made.memory = {H5Screate_simple(dataset_axes, box.extent.data(), nullptr), what};
  if (axes == 0) return made;  // a single number
  hdf5_check(H5Sselect_hyperslab(made.file, H5S_SELECT_SET, box.start.data(), nullptr, box.extent.data(), nullptr), what);
  return made;
}

/// "element 17", or "element (2, 3)": where the i-th number of a box lies in the dataset.
std::string place_in_box(const slab& box, std::size_t i) {
  std::vector<hsize_t> at(box.extent.size());
  hsize_t rest = i;
  for (std::size_t axis = box.extent.size(); axis-- > 0; rest /= box.extent[axis]) {
    at[axis] = box.start[axis] + rest % box.extent[axis];
  }
  return at.size() == 1 ? fmt::format("element {}", at.front()) : fmt::format("element ({})", fmt::join(at, ", "));
}

template <class T>
void read_pieces(hid_t dataset, hid_t file_type, const slab& box, std::span<T> to, const std::string& what,
                 const number_range<T>& expected, std::size_t largest_piece) {
  const auto longer = std::find_if(box.extent.begin(), box.extent.end(), [](hsize_t length) { return length > 1; });
  if (to.size() <= largest_piece || longer == box.extent.end()) {
    read_numbers<T>(
        file_type, to.size(), to.data(), expected,
        [&](hid_t memory_type, void* into) { read_slab(dataset, box, memory_type, into, what); }, what,
        [&](std::size_t i) { return ": " + place_in_box(box, i); });
    return;
  }
  const auto axis = static_cast<std::size_t>(longer - box.extent.begin());
  slab first = box;
  slab second = box;
  first.extent[axis] /= 2;
  second.extent[axis] -= first.extent[axis];
  second.start[axis] += first.extent[axis];
  read_pieces(dataset, file_type, first, to.first(first.elements()), what, expected, largest_piece);
  read_pieces(dataset, file_type, second, to.subspan(first.elements()), what, expected, largest_piece);
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

template <class T>
void read_slab(hid_t dataset, const slab& box, std::span<T> to, const std::string& what,
               const number_range<std::type_identity_t<T>>& expected) {
  constexpr std::size_t converted_at_a_time = std::size_t{1} << 20;
  require_elements(box, to.size(), what);
  const auto lock = hdf5_lock();
  (void)select(dataset, box, what);  // the box is inside
  if (to.empty()) return;
  const hdf5_handle file_type(H5Dget_type(dataset), what);
  const bool converts = type_to_read<T>(file_type, what) != hdf5_type<T>();
  const std::size_t largest_piece = converts ? converted_at_a_time : to.size();
  read_pieces(dataset, file_type, box, to, what, expected, largest_piece);
}

#define COUNTEM_INSTANTIATE(T) \
  template void read_slab<T>(hid_t, const slab&, std::span<T>, const std::string&, const number_range<T>&);
COUNTEM_FOR_EACH_NUMBER_TYPE(COUNTEM_INSTANTIATE)
#undef COUNTEM_INSTANTIATE

void write_slab(hid_t dataset, const slab& box, hid_t memory_type, const void* from, const std::string& what) {
  const auto lock = hdf5_lock();
  const selection part = select(dataset, box, what);
  if (box.elements() == 0) return;
  hdf5_check(H5Dwrite(dataset, memory_type, part.memory, part.file, H5P_DEFAULT, from), what);
}

}  // namespace countem::io
