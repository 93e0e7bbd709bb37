#include "kernels/cuda/device_calibration.hpp"

#include <bit>

#include <countem/hit_limits.hpp>

#include "kernels/cuda/pixel_dispatch.hpp"

namespace countem::cuda {

namespace {

template <class T>
device_buffer<T> upload(std::span<const T> values, const cuda_stream& stream) {
  device_buffer<T> uploaded(values.size());
  host_transfer().upload(values, uploaded.data(), stream);
  return uploaded;
}

/// Not 0 for pixels without a charge; empty where every pixel has one.
std::vector<std::uint8_t> pixels_without_charge(const calibration& used) {
  std::vector<std::uint8_t> without(used.gain.empty() ? used.mask.size() : used.gain.size());
  for (std::size_t p = 0; p < without.size(); ++p) without[p] = can_have_charge(used, p) ? 0 : 1;
  return without;
}

}  // namespace

std::vector<std::uint32_t> limits_for_device(const counting_setup& setup) {
  return with_pixel_type(setup.type, [&](auto pixel) {
    const auto found = find_hit_limits<decltype(pixel)>(setup);
    if (found.per_pixel.empty()) return std::vector{std::bit_cast<std::uint32_t>(found.everywhere)};
    std::vector<std::uint32_t> limits;
    limits.reserve(found.per_pixel.size());
    for (const auto limit : found.per_pixel) limits.push_back(std::bit_cast<std::uint32_t>(limit));
    return limits;
  });
}

device_calibration::device_calibration(const counting_setup& setup, std::span<const std::uint32_t> limits,
                                       const cuda_stream& stream)
    : dark16_(upload<std::int32_t>(setup.calibrated.dark16, stream)),
      gain_(upload<float>(setup.calibrated.gain, stream)),
      mask_(upload<std::uint8_t>(pixels_without_charge(setup.calibrated), stream)),
      pixel_background16_(upload<std::int32_t>(setup.calibrated.pixel_background16, stream)),
      limits_(upload(limits, stream)),
      background16_(setup.calibrated.background16),
      xray16_(setup.calibrated.xray16),
      score16_(setup.calibrated.score16.value_or(0)) {}

calibration_view device_calibration::view() const {
  return {.dark16 = dark16_.data(),
          .gain = gain_.data(),
          .mask = mask_.data(),
          .pixel_background16 = pixel_background16_.data(),
          .background16 = background16_,
          .xray16 = xray16_,
          .score16 = score16_,
          .limits = limits_.data(),
          .limit_per_pixel = limits_.size() != 1};
}

}  // namespace countem::cuda
