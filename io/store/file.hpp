#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <countem/event_store.hpp>

#include "io/deflate/frame.hpp"
#include "io/hdf5/handle.hpp"
#include "io/store/chunk_addresses.hpp"
#include "io/store/dense_scanner.hpp"
#include "io/store/virtual_frames.hpp"

namespace countem::io {

enum class store_state : std::uint8_t {
  finished,
  running,  ///< perhaps: another process may be writing it; what it shows is what was there at some moment
};

/// How chunks are found and read.
enum class chunk_access : std::uint8_t {
  by_address,    ///< without HDF5 where the file is as our writer makes it
  through_hdf5,  ///< for comparisons
};

/// An event store opened for reading, chunk by chunk; what the reader and the checker share.
class event_store_file {
 public:
  /// @throws io_error, format_error; the texts name the file.
  explicit event_store_file(const std::filesystem::path& path, store_state state = store_state::finished,
                            chunk_access access = chunk_access::by_address);

  [[nodiscard]] const std::filesystem::path& path() const { return opened_.path; }
  /// The file as it was when it was opened, for changed_inputs().
  [[nodiscard]] std::span<const input_file> opened() const { return {&opened_, 1}; }
  [[nodiscard]] const store_description& description() const { return description_; }
  [[nodiscard]] const dense_layout& frame_layout() const { return frame_; }
  [[nodiscard]] const std::vector<std::uint32_t>& counts() const { return counts_; }
  [[nodiscard]] const std::vector<std::uint8_t>& status() const { return status_; }
  [[nodiscard]] const std::vector<std::uint32_t>& xrays() const { return xrays_; }
  [[nodiscard]] hid_t file() const { return file_; }

  /// Whether chunks are single frames, deflated and no more: then chunks may be ours. Otherwise HDF5 must read.
  [[nodiscard]] bool has_plain_chunks() const { return plain_chunks_; }

  /// Of a store whose frames lie in others: which, and where; nothing where they are stored here.
  [[nodiscard]] const std::optional<std::vector<frames_elsewhere>>& led_elsewhere() const { return elsewhere_; }

  /// Whether find_chunks() and read_proven() do without HDF5 and its lock.
  [[nodiscard]] bool has_addresses() const { return addresses_ != nullptr; }

  /// Where the chunks of frames from `first` on lie and how many bytes are stored of each; 0 where none is. Only with
  /// has_plain_chunks().
  void find_chunks(std::uint64_t first, std::span<chunk_place> places) const;

  /// Reads the chunks of frames from `first` on without HDF5: those that are ours and proven. The others are left for
  /// read_chunk(), which has the words for what is wrong with them.
  void read_proven(std::uint64_t first, std::span<const chunk_place> places, proven_chunks& to) const;

  /// Appends the stored bytes of one chunk, `size` as find_chunks() gives it, to `to`, by HDF5. Returns false when the chunk is
  /// not deflated.
  [[nodiscard]] bool read_chunk(std::uint64_t frame, std::uint64_t size, std::vector<std::uint8_t>& to) const;

  /// The dense frame as HDF5 reads it, whatever its filters.
  void read_dense(std::uint64_t frame, const dense_visitor& visit) const;

 private:
  void open_data();
  void open_addresses(file_handle file);
  void read_per_frame();
  void hide_unfinished_frames();

  input_file opened_;
  hdf5_handle file_;
  hdf5_handle data_;
  store_description description_;
  dense_layout frame_;
  bool plain_chunks_ = false;
  std::optional<std::vector<frames_elsewhere>> elsewhere_;
  std::unique_ptr<const chunk_addresses> addresses_;
  std::vector<std::uint32_t> counts_;
  std::vector<std::uint8_t> status_;
  std::vector<std::uint32_t> xrays_;
};

/// The reader of event stores (countem/event_store.hpp). @throws as event_store_file()
[[nodiscard]] std::unique_ptr<event_store> open_event_store(const std::filesystem::path& path, chunk_access access);

}  // namespace countem::io
