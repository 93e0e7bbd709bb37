#include <cuda_runtime.h>

#include <string>

#include <countem/devices.hpp>
#include <countem/error.hpp>

namespace countem::cuda {

namespace {

/// A static runtime without a driver answers an error and leaves the count as it was.
cudaError_t ask_for_devices(int& count) {
  count = 0;
  const cudaError_t result = cudaGetDeviceCount(&count);
  if (result != cudaSuccess) count = 0;
  return result;
}

}  // namespace

unsigned device_count() noexcept {
  int count = 0;
  static_cast<void>(ask_for_devices(count));
  return static_cast<unsigned>(count);
}

void require_device(unsigned number) {
  const unsigned devices = device_count();
  if (devices == 0) throw cuda_error(device_reason(), {{advice_kind::choose_backend, "cpu"}});
  if (number >= devices) {
    throw cuda_error("device " + std::to_string(number) + " was asked for, but " + device_reason() +
                     ", numbered from 0; nvidia-smi lists them");
  }
}

std::string device_reason() {
  int count = 0;
  const cudaError_t result = ask_for_devices(count);
  if (result != cudaSuccess) return std::string("no CUDA device answers: ") + cudaGetErrorString(result);
  if (count == 0) return "this machine has no CUDA device";
  return std::to_string(count) + (count == 1 ? " CUDA device answers" : " CUDA devices answer");
}

}  // namespace countem::cuda
