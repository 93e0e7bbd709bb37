#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/deflate/frame.hpp"

// One frame of the event store as one HDF5 chunk; docs/event_store.md lays it out byte for byte.
//
//   [zlib stream of the dense frame] [indices, optional] [values, optional] [footer]
//
// HDF5's deflate filter stops at the end of the stream, so every HDF5 program reads the dense frame and none sees the rest.
namespace countem::io {

inline constexpr std::size_t chunk_footer_bytes = 48;
inline constexpr std::array<std::uint8_t, 8> chunk_magic = {0x89, 'c', 'n', 't', 'e', 'm', '\r', '\n'};
inline constexpr std::uint16_t chunk_version = 1;
/// HDF5 keeps a chunk's size in 32 bits.
inline constexpr std::uint64_t max_chunk_bytes = 0xffff'ffffULL;

/// What is known of a frame beside its events.
struct frame_facts {
  std::uint64_t frame = 0;
  std::uint32_t xrays = 0;
  std::uint8_t status = 0;  ///< frame_status bits
};

/// The last bytes of a chunk: enough to find it in a file whose metadata is gone, and to know that it is whole.
struct chunk_footer {
  enum flag : std::uint8_t {
    has_indices = 1,  ///< the compact copy of the indices is there
    has_values = 2,   ///< one value per event is there
    is_cut = 4,       ///< a multiplicity in the dense frame is cut; the indices are exact
  };
  frame_facts facts;
  std::uint8_t flags = 0;
  std::uint32_t events = 0;
  std::uint32_t stream_bytes = 0;
  std::uint32_t indices_bytes = 0;
  std::uint32_t values_bytes = 0;
  std::uint32_t crc = 0;  ///< CRC-32C of the chunk before this field

  /// Of the chunk, footer included.
  [[nodiscard]] std::uint64_t chunk_bytes() const {
    return std::uint64_t{stream_bytes} + indices_bytes + values_bytes + chunk_footer_bytes;
  }
};

/// What 48 bytes say if they look like a footer.
[[nodiscard]] std::optional<chunk_footer> parse_footer(std::span<const std::uint8_t, chunk_footer_bytes> bytes);

/// The footer in the last bytes of `chunk`, if they look like one whose sizes fit the chunk; its CRC is not checked.
[[nodiscard]] std::optional<chunk_footer> find_footer(std::span<const std::uint8_t> chunk);

/// Whether the CRC of the footer is that of the bytes. `chunk` is exactly the chunk.
[[nodiscard]] bool is_intact(std::span<const std::uint8_t> chunk, const chunk_footer& footer);

/// Appends one chunk to `out`. `values` is empty or holds one value per event.
/// @throws invalid_argument when the events are not sorted, not inside the frame, or too many for one chunk.
void append_chunk(const frame_encoder& encoder, const dense_layout& frame, const frame_facts& facts,
                  std::span<const std::uint32_t> events, std::span<const std::uint32_t> values, bool keep_values,
                  bool keep_indices, std::vector<std::uint8_t>& out);

/// One intact chunk of ours to take apart.
struct chunk_decoding {
  std::span<const std::uint8_t> chunk;
  chunk_footer footer;
  std::span<std::uint32_t> events;  ///< filled; as many as the footer says
  std::span<std::uint32_t> values;  ///< filled unless empty
  std::string fault;                ///< set when the chunk contradicts itself; names neither file nor frame
};

/// Is shown a dense frame piece by piece, in order; pieces end between pixels.
using dense_visitor = std::function<void(std::uint64_t first_byte, std::span<const std::uint8_t> piece)>;

/// What is inflated or read as one piece.
inline constexpr std::uint64_t largest_piece = std::uint64_t{64} << 20U;

/// Gets the events out of chunks, ours or foreign. Holds tables and scratch: one a thread.
class chunk_decoder {
 public:
  explicit chunk_decoder(const dense_layout& frame);
  ~chunk_decoder();
  chunk_decoder(const chunk_decoder&) = delete;
  chunk_decoder& operator=(const chunk_decoder&) = delete;

  /// Many chunks at once, which is faster than one after another.
  void decode(std::span<chunk_decoding> jobs);

  /// The events of a zlib stream that another program wrote: inflates and scans. `events` must have as many as the frame holds.
  /// @throws format_error
  void decode_foreign(std::span<const std::uint8_t> stream, std::span<std::uint32_t> events);

  /// The dense frame, frame.bytes() of it, as the outside sees the chunk. A frame of ordinary size is one piece; a larger one
  /// takes no more memory than that. @throws format_error
  void inflate(std::span<const std::uint8_t> stream, const dense_visitor& visit);

 private:
  void decode_sections(chunk_decoding& job);
  void decode_indices(std::span<const std::uint8_t> section, std::span<std::uint32_t> events) const;
  void decode_values(std::span<const std::uint8_t> section, std::span<std::uint32_t> values);
  void inflate_exactly(std::span<const std::uint8_t> stream, std::span<std::uint8_t> to);
  void inflate_by_pieces(std::span<const std::uint8_t> stream, const dense_visitor& visit);

  struct inflater;
  dense_layout frame_;
  frame_decoder decoder_;
  std::unique_ptr<inflater> inflater_;
  std::vector<std::uint8_t> dense_;
  std::vector<std::uint8_t> planes_;
  std::vector<decoding> streams_;          // of the jobs without compact indices
  std::vector<chunk_decoding*> streamed_;  // those jobs
};

/// Events of a dense frame, from its pieces in order.
class dense_scanner {
 public:
  /// `events` has as many as the frame should hold.
  dense_scanner(const dense_layout& frame, std::span<std::uint32_t> events) : frame_(frame), events_(events) {}
  void take(std::uint64_t first_byte, std::span<const std::uint8_t> piece);
  /// @throws format_error when there were more events or fewer.
  void finish() const;

 private:
  dense_layout frame_;
  std::span<std::uint32_t> events_;
  std::size_t found_ = 0;
  bool too_many_ = false;
};

/// The most events that a chunk of this size can hold: bounds allocation before a file's word is taken.
[[nodiscard]] std::uint64_t most_events(std::uint64_t chunk_bytes, const dense_layout& frame);

}  // namespace countem::io
