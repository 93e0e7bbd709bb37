// The one place where CUB is included: it takes longer to compile than all our kernels.
#include <cub/device/device_scan.cuh>

#include "kernels/cuda/resources.hpp"
#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

std::size_t scan_scratch_bytes(std::uint64_t size) {
  std::size_t bytes = 0;
  const std::uint32_t* const counts = nullptr;
  std::uint32_t* const offsets = nullptr;
  check(cub::DeviceScan::ExclusiveSum(nullptr, bytes, counts, offsets, size), "asking for the scan's scratch memory");
  return bytes;
}

void scan_counts(void* scratch, std::size_t scratch_bytes, const std::uint32_t* counts, std::uint32_t* offsets,
                 std::uint64_t size, cudaStream_t stream) {
  check(cub::DeviceScan::ExclusiveSum(scratch, scratch_bytes, counts, offsets, size, stream), "adding up the events");
}

}  // namespace countem::cuda
