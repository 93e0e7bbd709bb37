#include "io/hdf5/attribute.hpp"

#include <algorithm>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"

namespace countem::io {

namespace {

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

}  // namespace

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

}  // namespace countem::io
