#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/files/file.hpp"
#include "io/hdf5/fixed_array.hpp"

namespace countem::io {

/// Puts whole chunks behind the end of a closed HDF5 file and their addresses into the dataset's index, without HDF5, which
/// takes some 4 us for each (docs/decisions/0047-chunks-appended.md). Until publish() or finish() the file is as it was: its
/// end, which the superblock names, does not move.
class chunk_appender {
 public:
  /// `file`: open for writing; no program has it open by HDF5. Nothing where the chunks are not indexed as our stores are, or
  /// where the index was not made yet: HDF5 makes it with the first chunk. @throws io_error
  [[nodiscard]] static std::optional<chunk_appender> open(const file_handle& file, const chunked_dataset& dataset);

  /// The chunk of this number, as it is stored. Best in rising order. @throws io_error
  void append(std::uint64_t number, std::span<const std::uint8_t> chunk);

  /// Where the file will end.
  [[nodiscard]] std::uint64_t end() const { return end_; }
  /// A write failed.
  [[nodiscard]] bool has_failed() const { return failed_; }

  /// Writes what is left, the index and the file's new end, for readers that follow a writer (SWMR). Each chunk is written
  /// before a page of the index leads to it. @throws io_error
  void publish();

  /// The same for all readers. After a write that failed, the file ends behind the last chunk that is whole. @throws io_error
  void finish();

 private:
  chunk_appender(const file_handle& file, const metadata_file& metadata, const fixed_array& index)
      : file_(&file), metadata_(metadata), index_(index), end_(metadata.end()) {}
  void write_chunks();
  void write_page();
  void write_index();
  template <class Writing>
  void attempt(Writing writing);

  const file_handle* file_;
  metadata_file metadata_;
  fixed_array index_;
  std::uint64_t end_;
  bool failed_ = false;
  std::vector<std::uint8_t> waiting_;  ///< the last bytes before end_
  std::uint64_t page_ = ~std::uint64_t{0};
  std::vector<chunk_place> places_;  ///< of this page
  bool is_page_new_ = false;         ///< HDF5 does not know of the page yet
};

}  // namespace countem::io
