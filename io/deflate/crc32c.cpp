#include "io/deflate/crc32c.hpp"

#include <isa-l/crc.h>

#include <algorithm>
#include <limits>

namespace countem::io {

std::uint32_t crc32c(const void* data, std::size_t bytes, std::uint32_t earlier) {
  // ISA-L counts in int and takes its (unchanged) input through a non-const pointer.
  constexpr std::size_t longest = std::numeric_limits<int>::max();
  auto* at = const_cast<unsigned char*>(static_cast<const unsigned char*>(data));
  std::uint32_t state = ~earlier;
  while (bytes > 0) {
    const std::size_t part = std::min(bytes, longest);
    state = crc32_iscsi(at, static_cast<int>(part), state);
    at += part;
    bytes -= part;
  }
  return ~state;
}

}  // namespace countem::io
