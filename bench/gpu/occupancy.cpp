// Occupancy from the vendor's own calculator and published device figures, so that it needs no device.
// Reads lines "NAME THREADS REGISTERS SHARED_BYTES" of kernels compiled for one architecture; prints warps resident per
// multiprocessor.
//   occupancy A100|H100|H200|B200 < kernels
#include <cuda_occupancy.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace {

/// NVIDIA's CUDA programming guide, table of technical specifications per compute capability.
cudaOccDeviceProp published(int major, int minor, int multiprocessors, std::size_t shared_per_multiprocessor) {
  cudaOccDeviceProp device;
  device.computeMajor = major;
  device.computeMinor = minor;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = 2048;
  device.regsPerBlock = 65536;
  device.regsPerMultiprocessor = 65536;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 << 10;
  device.sharedMemPerMultiprocessor = shared_per_multiprocessor;
  device.numSms = multiprocessors;
  device.sharedMemPerBlockOptin = shared_per_multiprocessor - 1024;
  device.reservedSharedMemPerBlock = 1024;
  return device;
}

}  // namespace

int main(int count, char** arguments) {
  const std::map<std::string, cudaOccDeviceProp> devices{
      {"A100", published(8, 0, 108, 164 << 10)},
      {"H100", published(9, 0, 132, 228 << 10)},
      {"H200", published(9, 0, 132, 228 << 10)},
      {"B200", published(10, 0, 148, 228 << 10)},
  };
  const auto device = devices.find(count == 2 ? arguments[1] : "");
  if (device == devices.end()) {
    std::fprintf(stderr, "usage: occupancy A100|H100|H200|B200 < kernels\n");
    return 2;
  }
  char name[512];
  int threads = 0;
  int registers = 0;
  std::size_t shared = 0;
  while (std::scanf("%511s %d %d %zu", name, &threads, &registers, &shared) == 4) {
    cudaOccFuncAttributes kernel;
    kernel.maxThreadsPerBlock = threads;
    kernel.numRegs = registers;
    kernel.sharedSizeBytes = shared;
    const cudaOccDeviceState state;
    cudaOccResult result;
    if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device->second, &kernel, &state, threads, 0) != CUDA_OCC_SUCCESS) {
      std::fprintf(stderr, "occupancy: the calculator does not know %s\n", arguments[1]);
      return EXIT_FAILURE;
    }
    std::printf("%s %d\n", name, result.activeBlocksPerMultiprocessor * threads / 32);
  }
}
