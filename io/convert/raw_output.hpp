#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/files/output_file.hpp"

namespace countem::io {

/// An output written from its start on.
class raw_output {
 public:
  /// `output` must outlive it.
  explicit raw_output(const output_file& output) : file_(output.file()) {}
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
  const file_handle& file_;
  std::uint64_t size_ = 0;
};

}  // namespace countem::io
