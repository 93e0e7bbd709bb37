#include "io/hdf5/attribute.hpp"

#include <algorithm>
#include <array>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/object.hpp"

namespace countem::io {

namespace {

hdf5_handle scalar_space() {
  return {H5Screate(H5S_SCALAR), "HDF5 dataspace"};
}

void write_scalar(hid_t object, const std::string& name, hid_t file_type, hid_t memory_type, const void* value) {
  const auto lock = hdf5_lock();
  const std::string what = place_of(object, "attribute " + name);
  if (has_attribute(object, name)) hdf5_check(H5Adelete(object, name.c_str()), what);
  const hdf5_handle space = scalar_space();
  const hdf5_handle attribute(H5Acreate2(object, name.c_str(), file_type, space, H5P_DEFAULT, H5P_DEFAULT), what);
  hdf5_check(H5Awrite(attribute, memory_type, value), what);
}

hdf5_handle open_attribute(hid_t object, const std::string& name) {
  if (!has_attribute(object, name)) throw format_error("attribute " + name + " is missing");
  return {H5Aopen(object, name.c_str(), H5P_DEFAULT), "attribute " + name};
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
  return hdf5_answer(H5Aexists(object, name.c_str()), "attribute " + name);
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
  constexpr std::size_t longest_text = std::size_t{64} << 20;
  const std::size_t length = H5Tget_size(type);
  if (length > longest_text) throw format_error("attribute " + name + " is a text of " + std::to_string(length) + " bytes");
  std::string text(length, '\0');
  hdf5_check(H5Aread(attribute, type, text.data()), "attribute " + name);
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

std::string find_text_attribute(hid_t object, const std::string& name) {
  const auto lock = hdf5_lock();
  if (!has_attribute(object, name)) return {};
  const hdf5_handle attribute = open_attribute(object, name);
  const hdf5_handle type(H5Aget_type(attribute), "attribute " + name);
  const hdf5_handle space(H5Aget_space(attribute), "attribute " + name);
  const bool is_one_text = H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1;
  return is_one_text ? read_text_attribute(object, name) : std::string();
}

template <class T>
T read_number_attribute(hid_t object, const std::string& name, const number_range<std::type_identity_t<T>>& expected) {
  const auto lock = hdf5_lock();
  const std::string what = "attribute " + name;
  const hdf5_handle attribute = open_attribute(object, name);
  const hdf5_handle space(H5Aget_space(attribute), what);
  if (H5Sget_simple_extent_npoints(space) != 1) throw format_error(what + " does not hold one number");
  const hdf5_handle file_type(H5Aget_type(attribute), what);
  T value{};
  read_numbers<T>(
      file_type, 1, &value, expected,
      [&](hid_t memory_type, void* to) { hdf5_check(H5Aread(attribute, memory_type, to), what); }, what,
      [](std::size_t) { return std::string(); });
  return value;
}

template double read_number_attribute<double>(hid_t, const std::string&, const number_range<double>&);
template std::int64_t read_number_attribute<std::int64_t>(hid_t, const std::string&, const number_range<std::int64_t>&);
template std::int32_t read_number_attribute<std::int32_t>(hid_t, const std::string&, const number_range<std::int32_t>&);
template std::uint64_t read_number_attribute<std::uint64_t>(hid_t, const std::string&, const number_range<std::uint64_t>&);
template std::uint32_t read_number_attribute<std::uint32_t>(hid_t, const std::string&, const number_range<std::uint32_t>&);

std::optional<std::int64_t> find_number_attribute(hid_t object, const std::string& name) {
  const auto lock = hdf5_lock();
  if (!has_attribute(object, name)) return std::nullopt;
  try {
    return read_number_attribute<std::int64_t>(object, name);
  } catch (const format_error& problem) {
    std::array<char, 4096> path{};
    H5Iget_name(object, path.data(), path.size());
    throw format_error(place_of(object, std::string(path.data()) + ": " + problem.what()));
  }
}

}  // namespace countem::io
