#include "kernels/cpu/peak_scores.hpp"

#include <countem/calibration.hpp>

#include "kernels/cpu/peaks.hpp"

namespace countem::cpu {

std::vector<image_peak> find_peaks(std::span<const std::int32_t> charges, frame_shape shape, std::int32_t candidate16,
                                   std::int32_t xray16) {
  std::vector<image_peak> peaks;
  const auto at = [&](std::uint32_t row, std::uint32_t column) {
    const bool inside = row < shape.height && column < shape.width;  // wraps above and left of the frame
    return inside ? charges[std::size_t{row} * shape.width + column] : no_charge;
  };
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) {
      const std::int32_t charge = at(row, column);
      if (charge <= candidate16 || charge >= xray16 || charge <= 0) continue;
      nine_charges nine = collect_nine(row, column, at);
      if (!nine.is_peak()) continue;
      nine.drop_no_charges();
      peaks.push_back({charge, nine.score()});
    }
  }
  return peaks;
}

}  // namespace countem::cpu
