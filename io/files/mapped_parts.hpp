#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "io/files/file.hpp"
#include "io/files/mapped_range.hpp"

namespace countem::io {

/// The parts of some frames, mapped: one range of each file, from the first part in it to the last.
class mapped_parts {
 public:
  explicit mapped_parts(std::span<const file_handle> files) : files_(files), ranges_(files.size()) {}

  /// A part that will be read.
  void add(std::size_t file, std::uint64_t offset, std::size_t bytes);
  /// False, and nothing is mapped, where copying is the better way: parts lie far apart, are not in the page cache, or cannot
  /// be mapped.
  [[nodiscard]] bool map();
  /// First byte of a part that was added.
  [[nodiscard]] const std::byte* at(std::size_t file, std::uint64_t offset) const {
    return ranges_[file].mapped.data() + (offset - ranges_[file].begin);
  }
  /// @throws io_error naming the file when bytes that were used could not be read.
  void check() const;

 private:
  struct file_range {
    std::uint64_t begin = ~std::uint64_t{0};
    std::uint64_t end = 0;
    std::uint64_t wanted = 0;  ///< bytes of all its parts
    mapped_range mapped;
  };
  std::span<const file_handle> files_;
  std::vector<file_range> ranges_;
};

}  // namespace countem::io
