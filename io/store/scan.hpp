#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <countem/event_store.hpp>

#include "io/deflate/frame.hpp"
#include "io/files/file.hpp"
#include "io/store/chunk_footer.hpp"

// What can be read of an event store without HDF5: every whole chunk, and the description that rides in a record of its own.
namespace countem::io {

/// The store's description as bytes that can be found in a file by their magic and proven by their CRC (docs/event_store.md).
[[nodiscard]] std::vector<std::uint8_t> make_recovery_record(const store_description& description, bool wide_counts);

/// Whether a store's description begins near the start of a file, where it is written first of all. @throws io_error
[[nodiscard]] bool begins_with_recovery_record(const std::filesystem::path& path);

/// The HDF5 file image in a record, for read_recovery_image(). @throws format_error it is no record
[[nodiscard]] std::vector<std::uint8_t> image_of_record(std::span<const std::uint8_t> record);

struct found_chunk {
  std::uint64_t offset = 0;  ///< in the file
  chunk_footer footer;
};

struct found_store {
  store_description description;
  dense_layout frame;
  std::vector<found_chunk> chunks;  ///< whole ones that hold what verify_event_store() accepts, by frame, one per frame
  /// Frames whose footer is there but whose bytes are not what was written, or contradict each other.
  std::vector<std::uint64_t> damaged;
};

/// A store's description and its element size, from the HDF5 file image of a recovery record. @throws error
using described_store = std::pair<store_description, unsigned>;
[[nodiscard]] described_store read_recovery_image(std::vector<std::uint8_t>& image);

/// Reads every byte of the file; memory is a few bytes per chunk. Images whose CRC is right are read with `read_image`,
/// until one does not throw. @throws io_error; format_error when no description is found.
[[nodiscard]] found_store scan_event_store(
    const file_handle& file,
    const std::function<described_store(std::vector<std::uint8_t>&)>& read_image = read_recovery_image);

}  // namespace countem::io
