#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "io/files/file.hpp"

namespace countem::io {

/// Bytes of a file, read-only, where the page cache holds them. A page that cannot be had (the file became shorter, its disk
/// fails) would end the process with SIGBUS; a handler for that signal, installed with the first range, gives the page's reader
/// zeros instead and marks the range as damaged. Every other SIGBUS is passed to the handler that was there before.
/// Move-only; safe to read from several threads.
class mapped_range {
 public:
  mapped_range() = default;

  /// Empty where this cannot be done: a file system without mappings, no address space left, very many ranges at a time.
  [[nodiscard]] static mapped_range map(const file_handle& file, std::uint64_t offset, std::size_t bytes);

  [[nodiscard]] bool empty() const { return watched_ == nullptr; }
  /// First byte; as aligned as `offset` was.
  [[nodiscard]] const std::byte* data() const { return first_; }
  /// Whether zeros stood in for bytes that could not be read.
  [[nodiscard]] bool damaged() const;

  struct watched;

 private:
  struct unmap {
    void operator()(watched* range) const;
  };
  mapped_range(watched* range, const std::byte* first) : watched_(range), first_(first) {}
  std::unique_ptr<watched, unmap> watched_;
  const std::byte* first_ = nullptr;
};

/// Whether the page cache holds these bytes, judged by some of them. False also where the operating system does not report it.
[[nodiscard]] bool is_cached(const file_handle& file, std::uint64_t offset, std::size_t bytes);

}  // namespace countem::io
