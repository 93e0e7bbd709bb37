#include "io/files/npy_output.hpp"

#include <bit>

namespace countem::io {

static_assert(std::endian::native == std::endian::little, "what is written as \"<u4\" must be little endian");

std::vector<std::uint64_t> dense_extent(const scan_shape& scan, const frame_shape& frame) {
  std::vector<std::uint64_t> extent{scan.height, scan.width};
  if (scan.frames_per_position > 1) extent.push_back(scan.frames_per_position);
  extent.insert(extent.end(), {frame.height, frame.width});
  return extent;
}

std::string npy_header_of(std::string_view type, std::span<const std::uint64_t> extent) {
  std::string text = "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': (";
  for (const std::uint64_t length : extent) text += std::to_string(length) + ",";
  text += "), }";
  // Magic, version, length of the text; the text is padded so that the data begins on a multiple of 64 bytes.
  constexpr std::size_t before_text = 10;
  text.append(63 - (before_text + text.size()) % 64, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xffU);
  header += static_cast<char>(text.size() >> 8U);
  return header + text;
}

}  // namespace countem::io
