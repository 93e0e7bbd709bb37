#pragma once

#include <hdf5.h>

#include <string>

#include "io/hdf5/handle.hpp"

namespace countem::io {

/// A text that HDF5 writes: `get(to, bytes)` returns its length, and writes as much as there is room for with the 0 behind it.
/// `what` begins the error's text. @throws as hdf5_check()
template <class Get>
std::string hdf5_text(const Get& get, const std::string& what) {
  const ssize_t length = get(nullptr, 0);
  if (length < 0) hdf5_check(-1, what);
  std::string read(static_cast<std::size_t>(length), '\0');
  get(read.data(), read.size() + 1);
  return read;
}

}  // namespace countem::io
