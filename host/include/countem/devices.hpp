#pragma once

#include <string>

namespace countem::cuda {

/// CUDA devices that answer; 0 when none does, for whatever reason. Never throws.
[[nodiscard]] unsigned device_count() noexcept;

/// @throws not_compiled in a build without CUDA, cuda_error when the device of that number does not answer.
void require_device(unsigned number);

/// Why device_count() is what it is, as one sentence.
[[nodiscard]] std::string device_reason();

}  // namespace countem::cuda
