// The floor of a bench: apart from the frames themselves, which programs without the cpu backend make, too.
#include <atomic>

#include <countem/error.hpp>

#include "host/cli/bench/bench_frames.hpp"
#include "kernels/cpu/streaming_read.hpp"

namespace countem::cli {

double bench_frames::streaming_read_seconds(unsigned threads, std::uint64_t first_frame, std::uint64_t last_frame) const {
  std::atomic<std::uint64_t> total{0};
  const double seconds = run_shared(threads, last_frame - first_frame, [&](std::uint64_t first, std::uint64_t last) {
    const std::byte* start = views().front().bands[0] + (first_frame + first) * bytes_per_frame();
    total += cpu::streaming_read(reinterpret_cast<const std::uint64_t*>(start),
                                 (last - first) * bytes_per_frame() / sizeof(std::uint64_t));
  });
  // A sum that is never used might not be taken.
  if (total == 0)
    throw invalid_argument("the simulated frames are all zero: there is nothing to count; use a baseline above 0");
  return seconds;
}

}  // namespace countem::cli
