#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <countem/counting.hpp>
#include <countem/types.hpp>

// One frame of an event store as bytes, for programs that count in several processes and write the file in one of them
// (docs/event_store.md, "A chunk, byte by byte").
namespace countem {

/// What all chunks of a store have in common.
struct chunk_form {
  frame_shape shape{};        ///< of the event grid, in pixels
  bool wide_counts = false;   ///< u16 instead of u8 multiplicity in the dense form
  bool keep_values = false;   ///< one value per event
  bool keep_indices = false;  ///< the compact copy of the indices in every chunk
  friend bool operator==(const chunk_form&, const chunk_form&) = default;
};

/// Encodes frames as chunks. The Huffman codes follow the data: frames are observed in order first, and the bytes of a chunk
/// are a function of the frames observed up to it alone, for any batch size and any number of threads.
class chunk_encoder {
 public:
  /// @throws invalid_argument when a frame has no pixel or more bytes than an HDF5 chunk holds.
  [[nodiscard]] static std::unique_ptr<chunk_encoder> create(const chunk_form& form);

  chunk_encoder() = default;
  chunk_encoder(const chunk_encoder&) = delete;
  chunk_encoder& operator=(const chunk_encoder&) = delete;
  virtual ~chunk_encoder() = default;

  /// Learns from a batch. Called once per batch, in frame order and without gaps, before any of its frames is encoded.
  virtual void observe(const event_batch& events) = 0;

  /// Appends the chunk of frame `i` of the batch to `out`; nothing for a frame of which no sector arrived.
  /// Safe to call from several threads at once, while later batches are observed.
  /// @throws invalid_argument when the frame was not observed, its events are not sorted or not inside the frame, values are
  /// missing, or the events are too many for one chunk.
  virtual void encode(const event_batch& events, std::size_t i, std::vector<std::uint8_t>& out) const = 0;
};

/// One frame taken out of its chunk.
struct decoded_chunk {
  std::uint64_t frame = 0;            ///< frame number in the scan
  std::vector<std::uint32_t> events;  ///< linear indices, sorted
  std::vector<std::uint32_t> values;  ///< one per event, or empty where the chunk keeps none
  std::uint32_t xrays = 0;            ///< the frame's X-ray tally
  std::uint8_t status = 0;            ///< frame_status bits
};

/// Decodes the chunks of chunk_encoder. Holds tables and scratch memory: one reader per thread.
class chunk_reader {
 public:
  /// @throws invalid_argument as chunk_encoder::create(); keep_values and keep_indices of the form do not matter.
  [[nodiscard]] static std::unique_ptr<chunk_reader> create(const chunk_form& form);

  chunk_reader() = default;
  chunk_reader(const chunk_reader&) = delete;
  chunk_reader& operator=(const chunk_reader&) = delete;
  virtual ~chunk_reader() = default;

  /// Replaces the contents of `out`. `chunk` is exactly one chunk.
  /// @throws format_error when it has no footer, its CRC is wrong, or it contradicts itself.
  virtual void decode(std::span<const std::uint8_t> chunk, decoded_chunk& out) = 0;
};

}  // namespace countem
