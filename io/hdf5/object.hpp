#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <countem/input_file.hpp>

// What an HDF5 object is and where it lies, the same on HDF5 1.10 and on 1.12 and later, whose H5O calls differ.
namespace countem::io {

/// The kind of the object at a path; H5O_TYPE_UNKNOWN where there is none or a link leads nowhere.
[[nodiscard]] H5O_type_t object_type(hid_t location, const std::string& path);

/// Whether both paths lead to one object of the file. False where one of them leads nowhere.
[[nodiscard]] bool is_same_object(hid_t location, const std::string& path, const std::string& other);

constexpr std::ptrdiff_t most_nested_groups = 64;        ///< that are searched
constexpr std::uint64_t most_visited_objects = 100'000;  ///< in one search

/// Calls `visit(path, type)` for the objects below `location` by name, each once, itself as ".", until it returns false.
/// Exceptions of `visit` arrive at the caller. @throws as hdf5_check() with `what`; format_error beyond the bounds above;
/// interrupted
void visit_objects(hid_t location, const std::function<bool(const char* path, H5O_type_t type)>& visit,
                   const std::string& what);

/// Where an open object lies.
struct stored_object {
  std::uint64_t header = 0;  ///< address of its object header
  file_state file;           ///< the state of the file that HDF5 reads it from
};
/// Nothing where the object is in no ordinary file.
[[nodiscard]] std::optional<stored_object> stored_object_of(hid_t object);

/// "FILE: PATH" for a sentence about what lies below an object.
[[nodiscard]] std::string place_of(hid_t object, const std::string& path);

}  // namespace countem::io
