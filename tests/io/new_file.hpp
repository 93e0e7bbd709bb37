#pragma once

#include <filesystem>

#include "io/files/file.hpp"

namespace countem::test {

/// An empty file, in place of one of that name.
inline io::file_handle new_file(const std::filesystem::path& path) {
  std::filesystem::remove(path);
  return io::file_handle::create_new(path);
}

}  // namespace countem::test
