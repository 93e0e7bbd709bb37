#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "io/files/file.hpp"

// Metadata of HDF5 files from their bytes, without the library and its lock, by the HDF5 File Format Specification,
// version 3.0: what HDF5 1.10 and later write with the bounds V110, and no other form. Nothing here throws about what a file
// holds: who does not find what it seeks asks HDF5, which has the words.
namespace countem::io {

/// The checksum behind a piece of metadata: Jenkins' lookup3 of the bytes before it, from 0 on.
[[nodiscard]] std::uint32_t metadata_checksum(std::span<const std::uint8_t> bytes);
inline constexpr std::size_t metadata_checksum_bytes = 4;

/// Appends the lowest bytes of a number, the least significant first.
void put_number(std::vector<std::uint8_t>& to, std::uint64_t number, std::uint64_t bytes);

/// An address that leads nowhere.
inline constexpr std::uint64_t undefined_address = ~std::uint64_t{0};

/// Little-endian numbers one after another. Behind the end all are 0, and ok() is false from then on.
class metadata_reader {
 public:
  explicit metadata_reader(std::span<const std::uint8_t> bytes) : left_(bytes) {}

  [[nodiscard]] std::uint64_t number(unsigned bytes);
  [[nodiscard]] std::uint64_t address() { return number(sizeof(std::uint64_t)); }
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t bytes);
  [[nodiscard]] bool has(std::string_view signature);
  [[nodiscard]] std::size_t left() const { return left_.size(); }
  [[nodiscard]] bool ok() const { return !failed_; }

 private:
  std::span<const std::uint8_t> left_;
  bool failed_ = false;
};

/// A file that begins with a superblock of version 2 or 3 whose addresses are offsets in the file, of eight bytes, and that no
/// writer has open.
class metadata_file {
 public:
  /// Nothing where it is another file. @throws io_error
  [[nodiscard]] static std::optional<metadata_file> open(const file_handle& file);

  [[nodiscard]] const file_handle& file() const { return *file_; }
  /// Where the bytes end that belong to the file.
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] bool holds(std::uint64_t address, std::uint64_t bytes) const {
    return address <= end_ && bytes <= end_ - address;
  }

  /// Bytes that are all there; nothing where they are not. @throws io_error
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> bytes_at(std::uint64_t address, std::uint64_t bytes) const;
  /// The same without the checksum in their last four bytes, which must be right.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> checked_bytes_at(std::uint64_t address, std::uint64_t bytes) const;

  /// Whether HDF5 lets programs open a file to read: as readers that follow its writer (SWMR), or all.
  enum class readers : std::uint8_t { following, all };
  /// Writes another end into the superblock, and who may read. @throws io_error; format_error where its bytes are no longer as
  /// they were
  void move_end(const file_handle& to, std::uint64_t end, readers who) const;

  /// The one message of this type in an object header of version 2. @throws io_error
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> message(std::uint64_t object_header, unsigned type) const;

 private:
  metadata_file(const file_handle& file, std::uint64_t end) : file_(&file), end_(end) {}
  const file_handle* file_;
  std::uint64_t end_;
};

}  // namespace countem::io
