#include "kernels/cpu/narrow_calibration.hpp"

#include <algorithm>

#include "kernels/cpu/widest_vector.hpp"

namespace countem::cpu {

std::optional<narrow_calibration> find_narrow_calibration(const counting_setup& setup) {
  const calibration& given = setup.calibrated;
  const bool narrow_pixels = setup.type == pixel_type::u8 || setup.type == pixel_type::u16;
  if (!narrow_pixels || !given.gain.empty() || !row_sums_fit(setup.shape.width)) return std::nullopt;
  const auto highest = [](const std::vector<std::int32_t>& plane, std::int32_t otherwise) {
    return plane.empty() ? otherwise : *std::max_element(plane.begin(), plane.end());
  };
  const bool negative_dark = std::any_of(given.dark16.begin(), given.dark16.end(), [](std::int32_t dark) { return dark < 0; });
  const std::int32_t background = highest(given.pixel_background16, given.background16);
  if (negative_dark || !cut_raw_stays_hit(highest(given.dark16, 0), background)) return std::nullopt;

  narrow_calibration narrow;
  narrow.dark16.assign(given.dark16.begin(), given.dark16.end());
  narrow.background.assign(given.pixel_background16.begin(), given.pixel_background16.end());
  if (!narrow.background.empty()) narrow.background.resize(narrow.background.size() + widest_vector<std::int16_t>);
  narrow.background_everywhere = static_cast<std::int16_t>(given.background16);
  if (given.mask.empty()) return narrow;
  narrow.dark16.resize(given.mask.size());
  for (std::size_t p = 0; p < given.mask.size(); ++p) {
    if (given.mask[p] != 0) narrow.dark16[p] = std::numeric_limits<std::int16_t>::min();
  }
  return narrow;
}

}  // namespace countem::cpu
