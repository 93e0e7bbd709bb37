#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace countem::cuda {

/// CUDA devices that answer; 0 when none does, for whatever reason. Never throws.
[[nodiscard]] unsigned device_count() noexcept;

/// @throws not_compiled in a build without CUDA, cuda_error when the device of that number does not answer.
void require_device(unsigned number);

/// Why device_count() is what it is, as one sentence.
[[nodiscard]] std::string device_reason();

/// Seconds that copies between page-locked memory of the host and a device took, each from its call until it had arrived.
struct bus_copies {
  std::vector<double> to_device_s;    ///< one per copy, in their order
  std::vector<double> from_device_s;  ///< one per copy, in their order
};

/// Copies `bytes` to a device and back in turn, `repetitions` times after once to warm up: what the bus between them allows.
/// Takes that much page-locked memory and as much of the device's until it returns.
/// @throws not_compiled in a build without CUDA, cuda_error when the device of that number does not answer or has no room,
/// invalid_argument when there is nothing to copy.
[[nodiscard]] bus_copies time_bus(unsigned device, std::size_t bytes, unsigned repetitions);

}  // namespace countem::cuda
