#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "io/files/file.hpp"

namespace countem::io {

/// Lists of numbers one after another.
struct number_lists {
  std::vector<std::uint64_t> ends;     ///< of each list
  std::vector<std::uint32_t> numbers;  ///< of all

  [[nodiscard]] std::span<const std::uint32_t> list(std::size_t number) const {
    const std::uint64_t begin = number == 0 ? 0 : ends[number - 1];
    return std::span(numbers).subspan(begin, ends[number] - begin);
  }
};

/// Lists of variable length of 32-bit numbers, read from the bytes of the file without the library and its lock: a contiguous
/// dataset of places in global heaps (HDF5 File Format Specification, version 3.0), each heap in memory of its own file.
class heap_lists {
 public:
  /// Nothing where the dataset is stored in another way. `lists`: one-dimensional. Takes hdf5_lock(). @throws io_error
  [[nodiscard]] static std::optional<heap_lists> open(hid_t lists);

  /// The lists from `first` on on all threads, `count` of them. False where they contradict the file, or a number is above
  /// `highest`: HDF5 has the words. @throws io_error
  [[nodiscard]] bool read(std::uint64_t first, std::size_t count, std::uint32_t highest, number_lists& into) const;

 private:
  /// Where a list is.
  struct place {
    std::uint32_t length;
    std::uint64_t heap;
    std::uint32_t object;
  };

  heap_lists(file_handle file, std::uint64_t address, std::uint64_t lists)
      : file_(std::move(file)), address_(address), lists_(lists) {}
  [[nodiscard]] std::vector<place> places(std::uint64_t first, std::size_t count) const;
  [[nodiscard]] bool copy(std::span<const place> places, std::span<std::uint32_t> to) const;

  file_handle file_;
  std::uint64_t address_;
  std::uint64_t lists_;
};

}  // namespace countem::io
