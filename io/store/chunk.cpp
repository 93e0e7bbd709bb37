#include "io/store/chunk.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include <countem/error.hpp>

#include "io/store/chunk_sections.hpp"

namespace countem::io {

namespace {

/// HDF5's index of chunks keeps a stored size in a byte more than the frame's own size takes, at most four.
std::uint64_t largest_chunk(const dense_layout& frame) {
  const auto log2 = static_cast<unsigned>(std::bit_width(frame.bytes())) - 1;
  const unsigned size_bytes = 1 + (log2 + 8) / 8;
  return size_bytes >= 4 ? max_chunk_bytes : (std::uint64_t{1} << (8 * size_bytes)) - 1;
}

}  // namespace

void append_chunk(const frame_encoder& encoder, const dense_layout& frame, const frame_facts& facts,
                  std::span<const std::uint32_t> events, std::span<const std::uint32_t> values, bool keep_values,
                  bool keep_indices, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  const bool cut = encoder.encode(events, out);
  const std::size_t stream_bytes = out.size() - start;
  const std::size_t indices_bytes = keep_indices || cut ? append_indices(events, frame, out) : 0;
  const std::size_t values_bytes = keep_values ? append_values(values, out) : 0;
  if (out.size() - start + chunk_footer_bytes > largest_chunk(frame)) {
    throw invalid_argument("frame " + std::to_string(facts.frame) + " has " + std::to_string(events.size()) +
                           " events, more than fit into its HDF5 chunk of at most " + std::to_string(largest_chunk(frame)) +
                           " bytes; raise the threshold or keep wider counts");
  }
  unsigned flags = 0;
  if (indices_bytes != 0) flags |= chunk_footer::has_indices;
  if (keep_values) flags |= chunk_footer::has_values;
  if (cut) flags |= chunk_footer::is_cut;
  chunk_footer footer;
  footer.facts = facts;
  footer.flags = static_cast<std::uint8_t>(flags);
  footer.events = static_cast<std::uint32_t>(events.size());
  footer.stream_bytes = static_cast<std::uint32_t>(stream_bytes);
  footer.indices_bytes = static_cast<std::uint32_t>(indices_bytes);
  footer.values_bytes = static_cast<std::uint32_t>(values_bytes);
  append_footer(footer, start, out);
}

std::uint64_t most_events(std::uint64_t chunk_bytes, const dense_layout& frame) {
  // A literal takes at least one bit, and stands for at most as many events as the element holds. Compact indices, where
  // multiplicities may be higher, take two bytes each.
  constexpr std::uint64_t bits_per_byte = 8;
  return std::max(std::min(chunk_bytes * bits_per_byte, frame.bytes()) * frame.largest(), chunk_bytes / sizeof(std::uint16_t));
}

}  // namespace countem::io
