#include "io/hdf5/handle.hpp"

#include <algorithm>
#include <cstdint>

#include <countem/error.hpp>

namespace countem::io {

namespace {

// HDF5 prints its error stack unless told not to; the library never prints.
void silence() {
  static const bool once = [] {
    // We close what we open. HDF5's own clean-up at exit writes again what a full disk refused before, and crashes on it.
    H5dont_atexit();
    return H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  }();
  (void)once;
}

hdf5_handle scalar_space() {
  return {H5Screate(H5S_SCALAR), "HDF5 dataspace"};
}

void write_scalar(hid_t object, const std::string& name, hid_t file_type, hid_t memory_type, const void* value) {
  const auto lock = hdf5_lock();
  if (has_attribute(object, name)) hdf5_check(H5Adelete(object, name.c_str()), "attribute " + name);
  const hdf5_handle space = scalar_space();
  const hdf5_handle attribute(H5Acreate2(object, name.c_str(), file_type, space, H5P_DEFAULT, H5P_DEFAULT),
                              "attribute " + name);
  hdf5_check(H5Awrite(attribute, memory_type, value), "attribute " + name);
}

hdf5_handle open_attribute(hid_t object, const std::string& name) {
  if (!has_attribute(object, name)) throw format_error("attribute " + name + " is missing");
  return {H5Aopen(object, name.c_str(), H5P_DEFAULT), "attribute " + name};
}

template <class T>
T read_scalar(hid_t object, const std::string& name) {
  const auto lock = hdf5_lock();
  const hdf5_handle attribute = open_attribute(object, name);
  const hdf5_handle space(H5Aget_space(attribute), "attribute " + name);
  if (H5Sget_simple_extent_npoints(space) != 1) throw format_error("attribute " + name + " does not hold one number");
  T value{};
  hdf5_check(H5Aread(attribute, hdf5_type<T>(), &value), "attribute " + name);
  return value;
}

herr_t keep_deepest(unsigned, const H5E_error2_t* entry, void* text) {
  *static_cast<std::string*>(text) = entry->desc == nullptr ? "" : entry->desc;
  return 0;
}

}  // namespace

std::unique_lock<std::recursive_mutex> hdf5_lock() {
  static std::recursive_mutex mutex;
  std::unique_lock lock(mutex);
  silence();
  return lock;
}

std::string hdf5_last_error() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned depth, const H5E_error2_t* entry, void* out) -> herr_t {
        return depth == 0 ? keep_deepest(depth, entry, out) : 0;
      },
      &text);
  H5Eclear2(H5E_DEFAULT);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

hdf5_handle::hdf5_handle(hid_t id, const std::string& what) : id_(id) {
  if (id < 0) throw io_error(what + ": HDF5 says: " + hdf5_last_error());
}

void hdf5_handle::close() {
  if (id_ < 0) return;
  const auto lock = hdf5_lock();
  H5Idec_ref(std::exchange(id_, H5I_INVALID_HID));
}

void hdf5_check(herr_t status, const std::string& what) {
  if (status < 0) throw io_error(what + ": HDF5 says: " + hdf5_last_error());
}

void write_attribute(hid_t object, const std::string& name, std::string_view text) {
  const auto lock = hdf5_lock();
  // Variable length: h5py and what stands on it hand such text out as str, fixed length as bytes.
  const hdf5_handle type(H5Tcopy(H5T_C_S1), "string type");
  hdf5_check(H5Tset_size(type, H5T_VARIABLE), "string type");
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8), "string type");
  const std::string terminated(text);
  const char* pointer = terminated.c_str();
  write_scalar(object, name, type, type, static_cast<const void*>(&pointer));
}

void write_attribute(hid_t object, const std::string& name, double value) {
  write_scalar(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void write_attribute(hid_t object, const std::string& name, std::int64_t value) {
  write_scalar(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void write_attribute(hid_t object, const std::string& name, std::uint64_t value) {
  write_scalar(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

bool has_attribute(hid_t object, const std::string& name) {
  const auto lock = hdf5_lock();
  return H5Aexists(object, name.c_str()) > 0;
}

std::string read_text_attribute(hid_t object, const std::string& name) {
  const auto lock = hdf5_lock();
  const hdf5_handle attribute = open_attribute(object, name);
  const hdf5_handle type(H5Aget_type(attribute), "attribute " + name);
  const hdf5_handle space(H5Aget_space(attribute), "attribute " + name);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) {
    throw format_error("attribute " + name + " is not one text");
  }
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    hdf5_check(H5Aread(attribute, type, static_cast<void*>(&text)), "attribute " + name);
    std::string copy = text == nullptr ? "" : text;
    H5free_memory(text);
    return copy;
  }
  std::string text(H5Tget_size(type), '\0');
  hdf5_check(H5Aread(attribute, type, text.data()), "attribute " + name);
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

double read_double_attribute(hid_t object, const std::string& name) {
  return read_scalar<double>(object, name);
}
std::int64_t read_integer_attribute(hid_t object, const std::string& name) {
  return read_scalar<std::int64_t>(object, name);
}
std::uint64_t read_unsigned_attribute(hid_t object, const std::string& name) {
  return read_scalar<std::uint64_t>(object, name);
}

hdf5_handle make_group(hid_t parent, const std::string& path) {
  const auto lock = hdf5_lock();
  const hdf5_handle creation(H5Pcreate(H5P_GROUP_CREATE), path);
  hdf5_check(H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), path);
  hdf5_check(H5Pset_obj_track_times(creation, false), path);
  return {H5Gcreate2(parent, path.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT), "group " + path};
}

bool has_path(hid_t location, const std::string& path) {
  const auto lock = hdf5_lock();
  std::size_t end = 0;
  do {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || part == "/") continue;
    if (H5Lexists(location, part.c_str(), H5P_DEFAULT) <= 0) return false;
  } while (end != std::string::npos);
  return H5Oexists_by_name(location, path.c_str(), H5P_DEFAULT) > 0;
}

template <class T>
void write_dataset(hid_t location, const std::string& path, const std::vector<hsize_t>& extent, const T* values, int deflate) {
  const auto lock = hdf5_lock();
  const int rank = static_cast<int>(extent.size());
  const hdf5_handle space(H5Screate_simple(rank, extent.data(), nullptr), path);
  const hdf5_handle links(H5Pcreate(H5P_LINK_CREATE), path);
  hdf5_check(H5Pset_create_intermediate_group(links, 1), path);
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), path);
  hdf5_check(H5Pset_obj_track_times(creation, false), path);  // the same contents, the same bytes
  const bool empty = std::find(extent.begin(), extent.end(), hsize_t{0}) != extent.end();
  if (deflate > 0 && rank > 0 && !empty) {
    std::vector<hsize_t> chunk = extent;
    chunk[0] = std::min<hsize_t>(chunk[0], rank == 1 ? 1 << 16 : 64);
    hdf5_check(H5Pset_chunk(creation, rank, chunk.data()), path);
    hdf5_check(H5Pset_shuffle(creation), path);
    hdf5_check(H5Pset_deflate(creation, static_cast<unsigned>(deflate)), path);
  }
  const hdf5_handle dataset(H5Dcreate2(location, path.c_str(), hdf5_type<T>(), space, links, creation, H5P_DEFAULT), path);
  hdf5_check(H5Dwrite(dataset, hdf5_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path);
}

template <class T>
std::vector<T> read_dataset(hid_t location, const std::string& path, std::vector<hsize_t>* extent, std::uint64_t limit) {
  const auto lock = hdf5_lock();
  if (!has_path(location, path)) throw format_error("dataset " + path + " is missing");
  const hdf5_handle dataset(H5Dopen2(location, path.c_str(), H5P_DEFAULT), path);
  const hdf5_handle space(H5Dget_space(dataset), path);
  std::vector<hsize_t> shape(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (points < 0 || static_cast<std::uint64_t>(points) > limit) {
    throw format_error("dataset " + path + " holds " + std::to_string(points) + " values where at most " +
                       std::to_string(limit) + " make sense");
  }
  std::vector<T> values(static_cast<std::size_t>(points));
  hdf5_check(H5Dread(dataset, hdf5_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), path);
  if (extent != nullptr) *extent = std::move(shape);
  return values;
}

#define COUNTEM_INSTANTIATE(T)                                                                           \
  template void write_dataset<T>(hid_t, const std::string&, const std::vector<hsize_t>&, const T*, int); \
  template std::vector<T> read_dataset<T>(hid_t, const std::string&, std::vector<hsize_t>*, std::uint64_t);
COUNTEM_INSTANTIATE(std::uint8_t)
COUNTEM_INSTANTIATE(std::uint16_t)
COUNTEM_INSTANTIATE(std::int32_t)
COUNTEM_INSTANTIATE(std::uint32_t)
COUNTEM_INSTANTIATE(std::int64_t)
COUNTEM_INSTANTIATE(std::uint64_t)
COUNTEM_INSTANTIATE(float)
COUNTEM_INSTANTIATE(double)
#undef COUNTEM_INSTANTIATE

}  // namespace countem::io
