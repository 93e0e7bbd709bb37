#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// The last bytes of a chunk of the event store; docs/event_store.md lays them out byte for byte.
namespace countem::io {

inline constexpr std::size_t chunk_footer_bytes = 48;
inline constexpr std::array<std::uint8_t, 8> chunk_magic = {0x89, 'c', 'n', 't', 'e', 'm', '\r', '\n'};
inline constexpr std::uint16_t chunk_version = 1;
/// HDF5 keeps a chunk's size in 32 bits.
inline constexpr std::uint64_t max_chunk_bytes = 0xffff'ffffULL;

/// What is known of a frame besides its events.
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

/// The footer that 48 bytes hold; nothing when they hold none.
[[nodiscard]] std::optional<chunk_footer> parse_footer(std::span<const std::uint8_t, chunk_footer_bytes> bytes);

/// The footer in the last bytes of `chunk`; nothing when they hold none. Neither its sizes nor its CRC are checked: is_intact()
/// comes before any use.
[[nodiscard]] std::optional<chunk_footer> find_footer(std::span<const std::uint8_t> chunk);

/// Whether the sizes of the footer add up to the chunk's and its CRC is that of the bytes.
[[nodiscard]] bool is_intact(std::span<const std::uint8_t> chunk, const chunk_footer& footer);

/// Appends the footer of the chunk that begins at `start` of `out`; its CRC is computed here.
void append_footer(const chunk_footer& footer, std::size_t start, std::vector<std::uint8_t>& out);

}  // namespace countem::io
