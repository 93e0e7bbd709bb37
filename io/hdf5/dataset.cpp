#include "io/hdf5/dataset.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include <countem/error.hpp>

#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/number_types.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"

namespace countem::io {

hdf5_handle make_group(hid_t parent, const std::string& path) {
  const auto lock = hdf5_lock();
  const hdf5_handle creation(H5Pcreate(H5P_GROUP_CREATE), path);
  hdf5_check(H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), path);
  hdf5_check(H5Pset_obj_track_times(creation, false), path);
  return {H5Gcreate2(parent, path.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT), "group " + path};
}

bool has_link(hid_t location, const std::string& path) {
  const auto lock = hdf5_lock();
  std::size_t end = 0;
  do {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || part == "/") continue;
    if (!hdf5_answer(H5Lexists(location, part.c_str(), H5P_DEFAULT), path)) return false;
  } while (end != std::string::npos);
  return true;
}

bool has_path(hid_t location, const std::string& path) {
  const auto lock = hdf5_lock();
  return has_link(location, path) && hdf5_answer(H5Oexists_by_name(location, path.c_str(), H5P_DEFAULT), path);
}

void compress(hid_t creation, const compression& wanted, const std::string& what) {
  // HDF5's own functions make filters optional: a chunk for which one lacks memory is then stored as it is, without a word.
  if (wanted.shuffle) hdf5_check(H5Pset_filter(creation, H5Z_FILTER_SHUFFLE, H5Z_FLAG_MANDATORY, 0, nullptr), what);
  hdf5_check(H5Pset_filter(creation, H5Z_FILTER_DEFLATE, H5Z_FLAG_MANDATORY, 1, &wanted.deflate), what);
}

std::vector<hsize_t> chunk_extent(std::vector<hsize_t> extent, std::size_t element_bytes) {
  constexpr hsize_t most_bytes = hsize_t{4} << 20U;
  extent[0] = std::min<hsize_t>(extent[0], extent.size() == 1 ? 1 << 16 : 64);
  for (hsize_t& axis : extent) {
    const hsize_t bytes = std::accumulate(extent.begin(), extent.end(), hsize_t{element_bytes}, std::multiplies<>());
    const hsize_t others = bytes / std::max<hsize_t>(1, axis);
    if (bytes > most_bytes) axis = std::max<hsize_t>(1, most_bytes / others);
  }
  return extent;
}

template <class T>
void write_dataset(hid_t location, const std::string& path, const std::vector<hsize_t>& extent, const T* values, int deflate) {
  const auto lock = hdf5_lock();
  const std::string what = place_of(location, path);
  const int rank = static_cast<int>(extent.size());
  const hdf5_handle space(H5Screate_simple(rank, extent.data(), nullptr), what);
  const hdf5_handle links(H5Pcreate(H5P_LINK_CREATE), what);
  hdf5_check(H5Pset_create_intermediate_group(links, 1), what);
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), what);
  hdf5_check(H5Pset_obj_track_times(creation, false), what);  // the same contents, the same bytes
  const bool empty = std::find(extent.begin(), extent.end(), hsize_t{0}) != extent.end();
  if (deflate > 0 && rank > 0 && !empty) {
    hdf5_check(H5Pset_chunk(creation, rank, chunk_extent(extent, sizeof(T)).data()), what);
    compress(creation, {.shuffle = true, .deflate = static_cast<unsigned>(deflate)}, what);
  }
  hdf5_handle dataset(H5Dcreate2(location, path.c_str(), hdf5_type<T>(), space, links, creation, H5P_DEFAULT), what);
  if (values != nullptr) hdf5_check(H5Dwrite(dataset, hdf5_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), what);
  dataset.close(what);
}

template <class T>
std::vector<T> read_dataset(hid_t location, const std::string& path, std::vector<hsize_t>* extent, std::uint64_t limit,
                            const number_range<std::type_identity_t<T>>& expected) {
  const auto lock = hdf5_lock();
  const std::string what = "dataset " + path;
  const hdf5_handle dataset = open_dataset(location, path);
  const hdf5_handle space(H5Dget_space(dataset), what);
  std::vector<hsize_t> shape(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (points < 0 || static_cast<std::uint64_t>(points) > limit) {
    throw format_error(what + " holds " + std::to_string(points) + " values where at most " + std::to_string(limit) +
                       " make sense");
  }
  require_stored(dataset, static_cast<std::uint64_t>(points) * sizeof(T), what);
  require_whole_chunk(dataset, what);
  std::vector<T> values(static_cast<std::size_t>(points));
  if (!values.empty()) read_slab<T>(dataset, {std::vector<hsize_t>(shape.size()), shape}, values, what, expected);
  if (extent != nullptr) *extent = std::move(shape);
  return values;
}

#define COUNTEM_INSTANTIATE(T)                                                                             \
  template void write_dataset<T>(hid_t, const std::string&, const std::vector<hsize_t>&, const T*, int);   \
  template std::vector<T> read_dataset<T>(hid_t, const std::string&, std::vector<hsize_t>*, std::uint64_t, \
                                          const number_range<T>&);
COUNTEM_FOR_EACH_NUMBER_TYPE(COUNTEM_INSTANTIATE)
#undef COUNTEM_INSTANTIATE

}  // namespace countem::io
