#include "kernels/cpu/charges.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include <countem/counting.hpp>

#include "kernels/cpu/pixel_charge.hpp"

namespace countem::cpu {

namespace {

/// Pixels of a row that have no charge whatever their raw value.
void take_out(const frame_view& frame, const calibration& calibrated, std::uint32_t row, std::int32_t* charge) {
  const std::uint32_t width = frame.shape.width;
  const std::size_t first = std::size_t{row} * width;
  if (!calibrated.mask.empty()) {
    const std::uint8_t* const mask = &calibrated.mask[first];
    for (std::uint32_t x = 0; x < width; ++x) charge[x] = mask[x] != 0 ? no_charge : charge[x];
  }
  if (!calibrated.gain.empty()) {
    const float* const gain = &calibrated.gain[first];
    for (std::uint32_t x = 0; x < width; ++x) charge[x] = std::isfinite(gain[x]) && gain[x] >= 0 ? charge[x] : no_charge;
  }
  if (frame.present != all_sectors) {
    for (std::uint32_t x = 0; x < width; ++x) charge[x] = frame.arrived(row, x) ? charge[x] : no_charge;
  }
}

template <class Pixel>
void row_charges(const Pixel* raw, const calibration& calibrated, std::size_t first, std::uint32_t width,
                 std::int32_t* charge) {
  if constexpr (std::is_integral_v<Pixel> && sizeof(Pixel) <= 2) {
    if (calibrated.gain.empty()) {
      // Stays within 32 bits: darks are within the limit of charges.
      const std::int32_t* const dark = calibrated.dark16.empty() ? nullptr : &calibrated.dark16[first];
      for (std::uint32_t x = 0; x < width; ++x) {
        charge[x] = std::clamp(charge_units_per_adu * raw[x] - (dark == nullptr ? 0 : dark[x]), -charge_limit, charge_limit);
      }
      return;
    }
  }
  const pixel_charge charge_of(calibrated);
  for (std::uint32_t x = 0; x < width; ++x) charge[x] = raw[x] == raw[x] ? charge_of(raw[x], first + x) : no_charge;
}

template <class Pixel>
std::vector<std::int32_t> charges_of(const frame_view& frame, const calibration& calibrated) {
  const auto [height, width] = frame.shape;
  std::vector<std::int32_t> charge(frame.shape.pixels(), no_charge);
  if (frame.present == 0) return charge;
  for (std::uint32_t row = 0; row < height; ++row) {
    const std::byte* const bytes = frame.row(row);
    if (bytes == nullptr) continue;
    const std::size_t first = std::size_t{row} * width;
    row_charges(reinterpret_cast<const Pixel*>(bytes), calibrated, first, width, &charge[first]);
    take_out(frame, calibrated, row, &charge[first]);
  }
  return charge;
}

}  // namespace

std::vector<std::int32_t> charges(const frame_view& frame, const calibration& calibrated) {
  switch (frame.type) {
    case pixel_type::u8: return charges_of<std::uint8_t>(frame, calibrated);
    case pixel_type::u16: return charges_of<std::uint16_t>(frame, calibrated);
    case pixel_type::u32: return charges_of<std::uint32_t>(frame, calibrated);
    case pixel_type::f32: return charges_of<float>(frame, calibrated);
  }
  return {};
}

}  // namespace countem::cpu
