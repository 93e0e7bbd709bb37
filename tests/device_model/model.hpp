#pragma once

#include <cstdint>
#include <string>

/// A model of a CUDA device on the CPU, so that the cuda backend's own sources run, whole, on machines without a GPU.
/// Every CUDA thread is a fiber; blocks, warps, barriers, streams and events follow the programming guide and take every
/// liberty that it leaves: threads, blocks and streams run in a random order that a seed fixes.
namespace device_model {

/// In which order what may run in any order does run. The same seed gives the same run.
struct schedule {
  std::uint64_t seed = 0;
  bool random = true;              ///< false: threads, blocks and streams in the order of their numbers and launches
  unsigned preempt_permille = 50;  ///< how often a thread loses its turn before an atomic
  unsigned eager_permille = 200;   ///< how often queued work runs before anyone waits for it
};

/// What the modelled device allows; published figures of compute capability 8.0 unless changed.
struct device_limits {
  int devices = 1;                          ///< 0: every call answers "no device"
  std::uint64_t memory_bytes = 1ULL << 30;  ///< global memory of each device
  std::uint32_t shared_bytes_per_block =
      163 << 10;  ///< most a block can opt in to (8.0: 163 KiB, 8.6, 8.9, 12.0: 99, 9.0, 10.0: 227)
  int multiprocessors = 4;
};

/// What was used, for tests and for the curious.
struct statistics {
  std::uint64_t grids = 0;
  std::uint64_t blocks = 0;
  std::uint64_t switches = 0;  ///< turns given to threads
  std::uint64_t copies = 0;
};

void set_schedule(const schedule& wanted);
void set_limits(const device_limits& wanted);
[[nodiscard]] const statistics& stats();

/// Why the last grid or call was refused, as one sentence; empty when nothing was.
[[nodiscard]] const std::string& refusal();
/// Forgets the refusal and the sticky error that goes with it.
void forget_refusal();

/// Device and pinned allocations, streams and events that were not freed.
[[nodiscard]] std::size_t live_objects();

}  // namespace device_model
