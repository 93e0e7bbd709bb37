#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/files/file.hpp"

namespace countem::io {

/// A file written from its start on.
class raw_output {
 public:
  explicit raw_output(const std::filesystem::path& path) : file_(file_handle::create(path)) {}
  /// Adds bytes at the end.
  void append(const void* bytes, std::size_t count) {
    file_.write_at(size_, bytes, count);
    size_ += count;
  }
  /// Adds numbers as they are in memory.
  template <class T>
  void append(const std::vector<T>& values) {
    append(values.data(), values.size() * sizeof(T));
  }
  /// Replaces bytes that are there already.
  void overwrite(std::uint64_t at, const void* bytes, std::size_t count) { file_.write_at(at, bytes, count); }
  /// Bytes so far.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  file_handle file_;
  std::uint64_t size_ = 0;
};

}  // namespace countem::io
