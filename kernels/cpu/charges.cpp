#include "kernels/cpu/charges.hpp"

#include <algorithm>
#include <iterator>

#include <countem/counting.hpp>
#include <countem/pixel_charge.hpp>

#include "kernels/cpu/row_statistic.hpp"

namespace countem::cpu {

namespace {

template <class Pixel>
std::vector<std::int32_t> charges_of(const frame_view& frame, const calibration& calibrated) {
  const auto [height, width] = frame.shape;
  std::vector<std::int32_t> charge(frame.shape.pixels(), no_charge);
  if (frame.present == 0) return charge;
  const pixel_charge charge_of(calibrated);
  const bool all_arrived = frame.present == all_sectors;
  for (std::uint32_t row = 0; row < height; ++row) {
    const auto* const raw = reinterpret_cast<const Pixel*>(frame.row(row));
    if (raw == nullptr) continue;
    const std::size_t first = std::size_t{row} * width;
    std::int32_t* const to = &charge[first];
    for (std::uint32_t x = 0; x < width; ++x) to[x] = charge_of(raw[x], first + x);
    // In a loop of its own, so that the one above is one of vectors.
    for (std::uint32_t x = 0; x < width; ++x) {
      const bool has_charge =
          can_have_charge(calibrated, first + x) && (all_arrived || frame.arrived(row, x)) && raw[x] == raw[x];
      if (!has_charge) to[x] = no_charge;
    }
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

void subtract_shift(std::span<std::int32_t> charges, frame_shape shape) {
  std::vector<std::int32_t> medians;
  std::vector<std::int32_t> half_row;
  for (std::uint64_t row = 0; row < shape.height; row += background_row_step(shape.height)) {
    const std::span<const std::int32_t> pixels = charges.subspan(row * shape.width, shape.width);
    const std::size_t middle = shape.width / 2;
    for (const auto half : {pixels.first(middle), pixels.subspan(middle)}) {
      half_row.clear();
      std::ranges::remove_copy(half, std::back_inserter(half_row), no_charge);
      if (!half_row.empty()) medians.push_back(median(half_row));
    }
  }
  if (medians.empty()) return;
  const std::int32_t shift = median(medians);
  for (std::int32_t& charge : charges) {
    if (charge != no_charge) charge = without_noise(charge, shift);
  }
}

}  // namespace countem::cpu
