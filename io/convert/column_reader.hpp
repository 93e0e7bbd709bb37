#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"

namespace countem::io {

/// Numbers of a one-dimensional HDF5 dataset. Where its chunks hold 32-bit numbers that were shuffled and deflated, HDF5 reads
/// the bytes and all threads unpack them; all else is read through HDF5.
class column_reader {
 public:
  /// The caller holds hdf5_lock(). `name` begins each error's text.
  column_reader(hdf5_handle dataset, std::string name);

  [[nodiscard]] std::uint64_t length() const { return length_; }
  [[nodiscard]] hid_t dataset() const { return dataset_; }

  /// Elements [start, start + to.size()), each from 0 to `highest`. @throws as read_slab()
  void read(std::uint64_t start, std::span<std::uint32_t> to, std::uint32_t highest);

 private:
  /// A chunk that was unpacked.
  struct chunk {
    std::uint64_t number = 0;
    std::vector<std::uint8_t> packed;
    std::vector<std::uint32_t> elements;
    bool is_whole = false;
  };

  [[nodiscard]] bool read_unpacked(std::uint64_t start, std::span<std::uint32_t> to, std::uint32_t highest);
  [[nodiscard]] bool read_packed(chunk& into) const;
  void unpack(chunk& of) const;
  /// Whether no element is above `highest`.
  [[nodiscard]] bool copy_part(const chunk& from, std::uint64_t start, std::span<std::uint32_t> to,
                               std::uint32_t highest) const;

  hdf5_handle dataset_;
  std::string name_;
  std::uint64_t length_ = 0;
  std::uint64_t chunk_elements_ = 0;  ///< 0: to be read through HDF5
  bool is_shuffled_ = false;
  std::vector<chunk> kept_;  ///< of the read before, for one that begins within them
};

}  // namespace countem::io
