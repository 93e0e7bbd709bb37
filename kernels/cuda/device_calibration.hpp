#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/counting.hpp>

#include "kernels/cuda/batch.hpp"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

/// The limits of a setup (countem/hit_limits.hpp) as the device reads them: 32 bits each, bit patterns of floats for float
/// pixels; one, or one per pixel.
[[nodiscard]] std::vector<std::uint32_t> limits_for_device(const counting_setup& setup);

/// A calibration and its limits in the memory of one device. Immutable: counters on that device share it.
class device_calibration {
 public:
  /// Uploads to the device that is current, which is the stream's; returns when everything is there. @throws cuda_error.
  device_calibration(const counting_setup& setup, std::span<const std::uint32_t> limits, const cuda_stream& stream);

  [[nodiscard]] calibration_view view() const;

 private:
  device_buffer<std::int32_t> dark16_;
  device_buffer<float> gain_;
  device_buffer<std::uint8_t> mask_;
  device_buffer<std::int32_t> pixel_background16_;
  device_buffer<std::uint32_t> limits_;
  std::int32_t background16_;
  std::int32_t xray16_;
  std::int64_t score16_;
};

}  // namespace countem::cuda
