#include "io/files/npy_output.hpp"

#include <bit>
#include <stdexcept>

#include <countem/error.hpp>

#include "io/files/file.hpp"

namespace countem::io {

static_assert(std::endian::native == std::endian::little, "what is written as \"<u4\" must be little endian");

namespace {

constexpr std::string_view own_end = "),  }";
constexpr std::size_t longest_header = 1024;  // of ours

/// Bytes of an element.
std::uint64_t item_bytes(const std::string& header) {
  const std::size_t at = header.find("'descr': '");
  const std::size_t end = header.find('\'', at + 10);
  if (at == std::string::npos || end == std::string::npos || end < at + 13) throw std::invalid_argument("no type");
  return std::stoull(header.substr(at + 12, end - at - 12));
}

/// Product of the shape in a header of ours.
std::uint64_t elements(const std::string& header) {
  std::size_t at = header.find("'shape': (");
  if (at == std::string::npos) throw std::invalid_argument("no shape");
  at += 10;
  std::uint64_t product = 1;
  while (header.compare(at, own_end.size(), own_end) != 0) {
    std::size_t digits = 0;
    product *= std::stoull(header.substr(at), &digits);
    at += digits + 1;
    if (at >= header.size()) throw std::invalid_argument("no end of the shape");
  }
  return product;
}

}  // namespace

bool is_own_npy(const std::filesystem::path& path) try {
  constexpr std::size_t before_text = 10;
  std::string header = first_bytes(path, longest_header);
  if (!header.starts_with("\x93NUMPY\x01") || header.find(own_end) == std::string::npos) return false;
  header.resize(header.find('\n') + 1);
  if (header.size() < before_text) return false;
  return file_handle::open_read(path).size() == header.size() + elements(header) * item_bytes(header);
} catch (const format_error&) {
  return false;
} catch (const std::logic_error&) {  // a number that is none
  return false;
}

std::vector<std::uint64_t> dense_extent(const scan_shape& scan, const frame_shape& frame) {
  std::vector<std::uint64_t> extent{scan.height, scan.width};
  if (scan.frames_per_position > 1) extent.push_back(scan.frames_per_position);
  extent.insert(extent.end(), {frame.height, frame.width});
  return extent;
}

std::string npy_header_of(std::string_view type, std::span<const std::uint64_t> extent) {
  std::string text = "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': (";
  for (const std::uint64_t length : extent) text += std::to_string(length) + ",";
  text += own_end;
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
