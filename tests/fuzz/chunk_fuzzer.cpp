// One chunk of an event store, any bytes: footer, sparse decoder, compact indices, values, inflater.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "io/deflate/crc32c.hpp"
#include "io/store/chunk.hpp"
#include "io/store/chunk_decoder.hpp"

namespace {

using namespace countem::io;

/// The footer's CRC would stop nearly every mutation at the door; behind it is what we want to see.
void repair_crc(std::vector<std::uint8_t>& chunk) {
  if (chunk.size() < chunk_footer_bytes) return;
  const std::uint32_t crc = crc32c(chunk.data(), chunk.size() - sizeof crc);
  std::memcpy(chunk.data() + chunk.size() - sizeof crc, &crc, sizeof crc);
}

void decode_everything(std::vector<std::uint8_t> chunk, const dense_layout& frame) {
  repair_crc(chunk);
  chunk_decoder decoder(frame);
  const std::optional<chunk_footer> footer = find_footer(chunk);
  constexpr std::uint64_t enough = 1 << 20U;
  if (footer && is_intact(chunk, *footer) && footer->events <= std::min(enough, most_events(chunk.size(), frame))) {
    std::vector<std::uint32_t> events(footer->events);
    std::vector<std::uint32_t> values(footer->events);
    chunk_decoding job{chunk, *footer, events, values, {}};
    decoder.decode({&job, 1});
    if (job.fault.empty() && !events.empty() && events.back() >= frame.pixels) __builtin_trap();
  }
  std::vector<std::uint32_t> events(chunk.empty() ? 0 : chunk.front());
  decoding stream{chunk, events};
  frame_decoder().decode({&stream, 1}, frame);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> chunk(data, data + size);
  for (const unsigned element_bytes : {1U, 2U}) decode_everything(chunk, {1000, element_bytes});
  return 0;
}
