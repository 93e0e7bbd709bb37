#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "io/deflate/frame.hpp"

// What follows the zlib stream of a chunk: the compact indices and the values (docs/event_store.md).
namespace countem::io {

/// Appends the compact form of sorted events inside the frame; returns its bytes.
std::size_t append_indices(std::span<const std::uint32_t> events, const dense_layout& frame, std::vector<std::uint8_t>& out);

/// Fills `events` from that form, whose number of events is already known. @throws format_error
void decode_indices(std::span<const std::uint8_t> section, const dense_layout& frame, std::span<std::uint32_t> events);

/// Appends the compressed form of one value per event; returns its bytes.
std::size_t append_values(std::span<const std::uint32_t> values, std::vector<std::uint8_t>& out);

/// Bytes of the values before compression: what their zlib stream inflates to.
[[nodiscard]] constexpr std::size_t value_plane_bytes(std::size_t values) {
  return 4 * values;
}

/// Fills `values` from those bytes, value_plane_bytes(values.size()) of them.
void join_value_planes(std::span<const std::uint8_t> planes, std::span<std::uint32_t> values);

}  // namespace countem::io
