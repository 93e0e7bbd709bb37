#pragma once

#include <hdf5.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/hdf5/numbers.hpp"

// Scalar attributes of HDF5 objects.
namespace countem::io {

/// Writes or replaces a scalar attribute: a UTF-8 text of variable length, or a number of 64 bits. @throws io_error
void write_attribute(hid_t object, const std::string& name, std::string_view text);
void write_attribute(hid_t object, const std::string& name, double value);
void write_attribute(hid_t object, const std::string& name, std::int64_t value);
void write_attribute(hid_t object, const std::string& name, std::uint64_t value);

/// Whether the object has an attribute of this name.
[[nodiscard]] bool has_attribute(hid_t object, const std::string& name);

/// Reads one text. @throws format_error when it is absent, of another kind, or longer than 64 MiB
[[nodiscard]] std::string read_text_attribute(hid_t object, const std::string& name);

/// The same; empty where there is no such attribute, or it is not one text.
[[nodiscard]] std::string find_text_attribute(hid_t object, const std::string& name);

/// Reads one number as it is, whatever its type in the file. @throws format_error when it is absent, of another kind, or a
/// number that T or `expected` does not hold
template <class T>
[[nodiscard]] T read_number_attribute(hid_t object, const std::string& name,
                                      const number_range<std::type_identity_t<T>>& expected = {});

/// The same; nothing where there is no such attribute. @throws format_error that names the file and the object
[[nodiscard]] std::optional<std::int64_t> find_number_attribute(hid_t object, const std::string& name);

}  // namespace countem::io
