#include <algorithm>
#include <chrono>
#include <cstddef>

#include <countem/devices.hpp>
#include <countem/error.hpp>

#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

bus_copies time_bus(unsigned device, std::size_t bytes, unsigned repetitions) {
  if (bytes == 0 || repetitions == 0) throw invalid_argument("the bus is measured by copies of one byte or more, once or more");
  require_device(device);
  const device_scope scope(static_cast<int>(device));
  pinned_buffer<std::byte> here(bytes);
  device_buffer<std::byte> there(bytes);
  std::fill_n(here.data(), bytes, std::byte{1});
  const cuda_stream stream;
  const auto seconds_of = [&](auto copy) {
    const auto start = std::chrono::steady_clock::now();
    copy();
    stream.synchronize();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  bus_copies measured;
  for (unsigned repetition = 0; repetition <= repetitions; ++repetition) {
    const double to_device = seconds_of([&] { copy_to_device(here.data(), there.data(), bytes, stream); });
    const double from_device = seconds_of([&] { copy_to_host(there.data(), here.data(), bytes, stream); });
    if (repetition == 0) continue;  // warms up
    measured.to_device_s.push_back(to_device);
    measured.from_device_s.push_back(from_device);
  }
  return measured;
}

}  // namespace countem::cuda
