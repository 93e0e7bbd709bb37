#include <countem/batch_frames.hpp>

#include <algorithm>
#include <thread>

#include <countem/event_store.hpp>

namespace countem {

std::uint64_t batch_frames(std::span<const std::uint32_t> counts, std::uint64_t first, std::uint64_t most, unsigned threads) {
  constexpr std::uint64_t events_of_a_thread = std::uint64_t{1} << 18U;
  const std::uint64_t enough =
      events_of_a_thread * (threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency()));
  most = std::min(most, counts.size() - first);
  std::uint64_t events = 0;
  std::uint64_t frames = 0;
  while (frames < most && events < enough) {
    const std::uint32_t count = counts[first + frames++];
    if (count != not_written) events += count;
  }
  return frames;
}

}  // namespace countem
