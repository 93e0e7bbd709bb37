#include "io/store/chunk_footer.hpp"

#include <cstring>

#include "io/deflate/crc32c.hpp"

namespace countem::io {

namespace {

constexpr std::uint8_t known_flags = chunk_footer::has_indices | chunk_footer::has_values | chunk_footer::is_cut;

/// Byte offsets in the footer.
enum footer_field : std::size_t {
  at_magic = 0,
  at_version = 8,
  at_flags = 10,
  at_status = 11,
  at_xrays = 12,
  at_frame = 16,
  at_events = 24,
  at_stream_bytes = 28,
  at_indices_bytes = 32,
  at_values_bytes = 36,
  at_reserved = 40,
  at_crc = 44,
};

template <class T>
void store(std::uint8_t* footer, footer_field field, T value) {
  std::memcpy(footer + field, &value, sizeof value);
}

template <class T>
T load(const std::uint8_t* footer, footer_field field) {
  T value;
  std::memcpy(&value, footer + field, sizeof value);
  return value;
}

}  // namespace

std::optional<chunk_footer> parse_footer(std::span<const std::uint8_t, chunk_footer_bytes> bytes) {
  const std::uint8_t* at = bytes.data();
  if (std::memcmp(at + at_magic, chunk_magic.data(), chunk_magic.size()) != 0) return std::nullopt;
  chunk_footer footer;
  footer.flags = load<std::uint8_t>(at, at_flags);
  footer.facts.status = load<std::uint8_t>(at, at_status);
  footer.facts.xrays = load<std::uint32_t>(at, at_xrays);
  footer.facts.frame = load<std::uint64_t>(at, at_frame);
  footer.events = load<std::uint32_t>(at, at_events);
  footer.stream_bytes = load<std::uint32_t>(at, at_stream_bytes);
  footer.indices_bytes = load<std::uint32_t>(at, at_indices_bytes);
  footer.values_bytes = load<std::uint32_t>(at, at_values_bytes);
  footer.crc = load<std::uint32_t>(at, at_crc);
  const bool understood = load<std::uint16_t>(at, at_version) == chunk_version && (footer.flags & ~known_flags) == 0 &&
                          load<std::uint32_t>(at, at_reserved) == 0;
  return understood ? std::optional(footer) : std::nullopt;
}

std::optional<chunk_footer> find_footer(std::span<const std::uint8_t> chunk) {
  if (chunk.size() < chunk_footer_bytes) return std::nullopt;
  return parse_footer(chunk.last<chunk_footer_bytes>());
}

bool is_intact(std::span<const std::uint8_t> chunk, const chunk_footer& footer) {
  return footer.chunk_bytes() == chunk.size() && crc32c(chunk.data(), chunk.size() - chunk_footer_bytes + at_crc) == footer.crc;
}

void append_footer(const chunk_footer& footer, std::size_t start, std::vector<std::uint8_t>& out) {
  out.resize(out.size() + chunk_footer_bytes, 0);
  std::uint8_t* at = out.data() + out.size() - chunk_footer_bytes;
  std::memcpy(at + at_magic, chunk_magic.data(), chunk_magic.size());
  store(at, at_version, chunk_version);
  store(at, at_flags, footer.flags);
  store(at, at_status, footer.facts.status);
  store(at, at_xrays, footer.facts.xrays);
  store(at, at_frame, footer.facts.frame);
  store(at, at_events, footer.events);
  store(at, at_stream_bytes, footer.stream_bytes);
  store(at, at_indices_bytes, footer.indices_bytes);
  store(at, at_values_bytes, footer.values_bytes);
  store(at, at_crc, crc32c(out.data() + start, out.size() - start - chunk_footer_bytes + at_crc));
}

}  // namespace countem::io
