#pragma once

#include <cstdint>
#include <filesystem>

namespace countem::io {

/// Keeps disk space for a file ahead of its writer, so that a full disk shows before the HDF5 library runs into it (a failed
/// write leaves the library unable to close the file). Where the file system cannot reserve, it does nothing.
class space_reservation {
 public:
  space_reservation(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {}

  /// Makes sure that the file may grow to `bytes`. @throws io_error when the disk is full.
  void reserve(std::uint64_t bytes);
  /// Gives back what lies reserved beyond the end of the file, closed and by now called `path`.
  void release(const std::filesystem::path& path);

 private:
  int descriptor_;  // not owned
  std::filesystem::path path_;
  std::uint64_t reserved_ = 0;
  bool supported_ = true;
};

}  // namespace countem::io
