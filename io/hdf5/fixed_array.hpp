#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/hdf5/metadata.hpp"

namespace countem::io {

/// A dataset as its reader knows it.
struct chunked_dataset {
  std::uint64_t object_header = 0;   ///< its address
  std::vector<std::uint64_t> chunk;  ///< extent
  std::uint64_t element_bytes = 1;
  std::uint64_t chunks = 0;  ///< in all

  /// Of a chunk that no filter made smaller.
  [[nodiscard]] std::uint64_t chunk_bytes() const;
};

/// Where a chunk lies, as the array has it.
struct chunk_place {
  std::uint64_t address = undefined_address;
  std::uint32_t bytes = 0;  ///< as they are stored
  std::uint32_t skipped_filters = 0;
};

/// The index of a dataset of filtered chunks whose number is fixed: an array of their addresses, in pages with a checksum each.
class fixed_array {
 public:
  /// Nothing where the dataset has another index, or anything about this one contradicts what is known or itself.
  /// @throws io_error
  [[nodiscard]] static std::optional<fixed_array> find(const metadata_file& file, const chunked_dataset& dataset);

  [[nodiscard]] std::uint64_t pages() const { return (entries_ + page_entries_ - 1) / page_entries_; }
  /// Entries of every page but the last, which may have fewer.
  [[nodiscard]] std::uint64_t page_entries() const { return page_entries_; }

  /// The places of a page's chunks; nothing where its checksum is wrong. @throws io_error
  [[nodiscard]] std::optional<std::vector<chunk_place>> read(const metadata_file& file, std::uint64_t page) const;

  /// Writes the places of a page's chunks, all of them; HDF5 finds a page that was not made before after write_made_pages().
  /// @throws io_error
  void write(const file_handle& file, std::uint64_t page, std::span<const chunk_place> places);
  /// Writes which pages are made. @throws io_error
  void write_made_pages(const file_handle& file) const;

 private:
  fixed_array() = default;
  [[nodiscard]] bool read_header(const metadata_file& file, std::uint64_t address, const chunked_dataset& dataset,
                                 unsigned page_bits);
  [[nodiscard]] bool read_prefix(const metadata_file& file, std::uint64_t header);
  [[nodiscard]] std::uint64_t entry_bytes() const;
  [[nodiscard]] std::uint64_t address_of(std::uint64_t page) const;
  [[nodiscard]] bool is_divided() const { return !made_pages_.empty(); }
  void put_prefix(std::vector<std::uint8_t>& to) const;

  std::uint64_t entries_ = 0;
  std::uint64_t page_entries_ = 1;
  unsigned size_bytes_ = 0;               // of the size in an entry
  std::uint64_t header_ = 0;              // its address
  std::uint64_t block_ = 0;               // address of the data block
  std::uint64_t prefix_bytes_ = 0;        // of that, before entries or pages
  std::vector<std::uint8_t> made_pages_;  // a bit each, the highest first; empty: the block is not divided
};

}  // namespace countem::io
