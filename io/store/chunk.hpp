#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/deflate/frame.hpp"
#include "io/store/chunk_footer.hpp"

// One frame of the event store as one HDF5 chunk; docs/event_store.md lays it out byte for byte.
//
//   [zlib stream of the dense frame] [indices, optional] [values, optional] [footer]
//
// HDF5's deflate filter stops at the end of the stream, so every HDF5 program reads the dense frame and none sees the rest.
namespace countem::io {

/// Appends one chunk to `out`. `values` is empty or holds one value per event.
/// @throws invalid_argument when the events are not sorted, not inside the frame, or too many for one chunk.
void append_chunk(const frame_encoder& encoder, const dense_layout& frame, const frame_facts& facts,
                  std::span<const std::uint32_t> events, std::span<const std::uint32_t> values, bool keep_values,
                  bool keep_indices, std::vector<std::uint8_t>& out);

/// The most events that a chunk of this size can hold: bounds allocation before a file's word is taken.
[[nodiscard]] std::uint64_t most_events(std::uint64_t chunk_bytes, const dense_layout& frame);

}  // namespace countem::io
