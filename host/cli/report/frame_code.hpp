#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// How a report carries numbers: text that a browser decodes in a moment.
//
// A frame is its events' linear indices, ascending, as differences in a Rice code: of events that lie anywhere, no code needs
// much less. Byte layout: varint n, the events; where n > 0 the byte k; then, most significant bit first, for each difference d
// (the first is the first index itself) d >> k ones, a zero, and the k low bits of d; zeros up to a whole byte.
// report.js holds the other half.
namespace countem::cli::report {

/// Seven bits a byte, lowest first, the eighth set where more follow.
void append_varint(std::string& to, std::uint64_t number);

/// Bytes that append_varint() would append.
[[nodiscard]] constexpr std::uint64_t varint_size(std::uint64_t number) {
  return (static_cast<std::uint64_t>(std::bit_width(number | 1)) + 6) / 7;
}

/// RFC 4648, padded.
[[nodiscard]] std::string base64(std::string_view bytes);

/// Characters of base64() for so many bytes.
[[nodiscard]] constexpr std::uint64_t base64_size(std::uint64_t bytes) {
  return (bytes + 2) / 3 * 4;
}

/// `events` ascending; repeats allowed.
void append_frame(std::string& to, std::span<const std::uint32_t> events);

/// Bytes that append_frame() would append.
[[nodiscard]] std::uint64_t coded_size(std::span<const std::uint32_t> events);

/// What report.js does. @throws format_error when the bytes are not exactly one frame.
[[nodiscard]] std::vector<std::uint32_t> decode_frame(std::string_view coded);

}  // namespace countem::cli::report
