#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "io/files/file.hpp"
#include "io/hdf5/fixed_array.hpp"
#include "io/hdf5/metadata.hpp"
#include "io/store/chunk_footer.hpp"

namespace countem::io {

/// A chunk of ours whose CRC and frame number are right.
struct proven_chunk {
  std::span<const std::uint8_t> bytes;  ///< empty: nothing is proven, HDF5 must read it
  chunk_footer footer;
};

/// Chunks of frames that follow one another, and the memory that they lie in.
struct proven_chunks {
  std::vector<proven_chunk> chunks;
  std::vector<std::uint8_t> memory;
};

/// Finds and reads chunks of a finished store without HDF5, so that threads do not wait for one another
/// (docs/decisions/0043-chunks-without-the-lock.md). Safe from several threads.
class chunk_addresses {
 public:
  /// `file` is the one that holds the dataset. Nothing where the chunks are not indexed as our stores are.
  [[nodiscard]] static std::unique_ptr<const chunk_addresses> open(file_handle file, const chunked_dataset& dataset);

  /// The places of chunks from number `first` on; false where HDF5 must be asked for them.
  [[nodiscard]] bool find(std::uint64_t first, std::span<chunk_place> places) const;

  /// Reads the chunks of frames from `first` on, neighbours together. What cannot be read or proven is left out.
  void read(std::uint64_t first, std::span<const chunk_place> places, proven_chunks& to) const;

 private:
  using page = std::vector<chunk_place>;
  struct kept_page {
    std::uint64_t number = 0;
    std::shared_ptr<const page> places;
  };
  static constexpr std::size_t most_kept_pages = 64;  // 1 MiB

  explicit chunk_addresses(file_handle file) : file_(std::move(file)) {}
  [[nodiscard]] bool find_index(const chunked_dataset& dataset);
  [[nodiscard]] std::shared_ptr<const page> page_of(std::uint64_t number) const;

  file_handle file_;
  std::optional<metadata_file> metadata_;
  std::optional<fixed_array> index_;
  mutable std::mutex lock_;
  mutable std::array<kept_page, most_kept_pages> kept_;
};

}  // namespace countem::io
