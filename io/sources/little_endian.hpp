#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <countem/error.hpp>

#include "io/files/file.hpp"

namespace countem::io {

/// A little-endian number (as every machine that this runs on has them) at a byte of a header that is long enough.
template <class Number>
[[nodiscard]] Number number_at(std::string_view header, std::size_t byte) {
  Number number{};
  std::memcpy(&number, header.data() + byte, sizeof(Number));
  return number;
}

/// The first bytes of a file, which must have so many. @throws format_error "FILE: is shorter than WHAT of N bytes"
[[nodiscard]] inline std::string header_of(const file_handle& file, std::size_t bytes, std::string_view what,
                                           std::uint64_t offset = 0) {
  std::string header(bytes, '\0');
  if (file.read_at(offset, header.data(), bytes) != bytes) {
    throw format_error(file.path().string() + ": is shorter than " + std::string(what) + " of " + std::to_string(bytes) +
                       " bytes at byte " + std::to_string(offset));
  }
  return header;
}

}  // namespace countem::io
