#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <string_view>

// Scalar attributes of HDF5 objects.
namespace countem::io {

/// Writes or replaces a scalar attribute: a UTF-8 text of variable length, or a number of 64 bits. @throws io_error
void write_attribute(hid_t object, const std::string& name, std::string_view text);
void write_attribute(hid_t object, const std::string& name, double value);
void write_attribute(hid_t object, const std::string& name, std::int64_t value);
void write_attribute(hid_t object, const std::string& name, std::uint64_t value);

/// Whether the object has an attribute of this name.
[[nodiscard]] bool has_attribute(hid_t object, const std::string& name);

/// Reads a scalar attribute. @throws format_error when it is absent or of another kind.
[[nodiscard]] std::string read_text_attribute(hid_t object, const std::string& name);
[[nodiscard]] double read_double_attribute(hid_t object, const std::string& name);
[[nodiscard]] std::int64_t read_integer_attribute(hid_t object, const std::string& name);
[[nodiscard]] std::uint64_t read_unsigned_attribute(hid_t object, const std::string& name);

}  // namespace countem::io
