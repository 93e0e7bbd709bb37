#include "kernels/cpu/narrow_calibration.hpp"

#include <algorithm>

#include "kernels/cpu/widest_vector.hpp"

namespace countem::cpu {

std::optional<narrow_calibration> find_narrow_calibration(const counting_setup& setup) {
  const calibration& given = setup.calibrated;
  const bool narrow_pixels = setup.type == pixel_type::u8 || setup.type == pixel_type::u16;
  if (!narrow_pixels || !given.gain.empty() || !row_sums_fit(setup.shape.width)) return std::nullopt;
  const auto is_masked = [&](std::size_t p) { return !given.mask.empty() && given.mask[p] != 0; };
  std::int32_t highest_dark = 0;
  for (std::size_t p = 0; p < given.dark16.size(); ++p) {
    if (is_masked(p)) continue;
    if (given.dark16[p] < 0) return std::nullopt;
    highest_dark = std::max(highest_dark, given.dark16[p]);
  }
  const std::int32_t highest_background =
      given.pixel_background16.empty() ? given.background16
                                       : *std::max_element(given.pixel_background16.begin(), given.pixel_background16.end());
  const std::int64_t highest_noise = highest_narrow_noise(highest_dark, highest_background);
  if (highest_noise < 0) return std::nullopt;

  narrow_calibration narrow;
  narrow.highest_noise = static_cast<std::int32_t>(highest_noise);
  narrow.dark16.assign(given.dark16.begin(), given.dark16.end());
  narrow.background.assign(given.pixel_background16.begin(), given.pixel_background16.end());
  if (!narrow.background.empty()) narrow.background.resize(narrow.background.size() + widest_vector<std::int16_t>);
  narrow.background_everywhere = static_cast<std::int16_t>(given.background16);
  if (given.mask.empty()) return narrow;
  narrow.dark16.resize(given.mask.size());
  narrow.masked_pixels.resize(std::size_t{setup.shape.height} * 2);
  for (std::size_t p = 0; p < given.mask.size(); ++p) {
    if (!is_masked(p)) continue;
    narrow.dark16[p] = std::numeric_limits<std::int16_t>::min();
    const std::size_t half = p % setup.shape.width < setup.shape.width / 2 ? 0 : 1;
    ++narrow.masked_pixels[p / setup.shape.width * 2 + half];
  }
  return narrow;
}

}  // namespace countem::cpu
