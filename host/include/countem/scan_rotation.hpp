#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <countem/deflection.hpp>
#include <countem/phase_options.hpp>
#include <countem/types.hpp>

namespace countem {

/// Turns deflections from detector axes into scan axes, as scan_rotation defines.
void turn(deflection& maps, const scan_rotation& rotation);

/// How detector axes lie to scan axes, as far as the deflections show it.
struct found_rotation {
  bool is_found = false;              ///< the flip is known and the angle's standard error is at most 5 degrees
  scan_rotation rotation;             ///< what was found; no rotation where nothing was
  double standard_error_degrees = 0;  ///< of the angle, by leaving out parts of the scan in turn; NaN where it is unknown
  double curl_ratio = 0;              ///< least mean square of the curl with the other hand, over that with this one
  bool flip_is_found = false;         ///< whether the hands' curls differ by 4 standard errors of noise
  bool sign_is_found =
      false;                ///< the skewness is 3 standard errors; else the angle is one of -90 to 90, half a turn away or not
  double skewness = 0;      ///< third moment of the divergence over its standard error; negative in scan axes
  std::uint32_t block = 1;  ///< positions a side that were averaged to find the angle
};

/// What was found, or why nothing was, in one line: angle, flip, sign and how sure they are.
[[nodiscard]] std::string describe(const found_rotation& found);

/// Finds the rotation whose deflections have the least curl, which those of an electrostatic field have not. With the
/// derivatives' curl C and divergence D before the rotation, sums over the scan give the angle: tan 2a = 2 sum(C D) / (sum(D D)
/// - sum(C C)). The flip is that of the hand with less curl. Half a turn remains: atoms attract the beam, so that the
/// divergence is most negative at them and its distribution is skewed to negative values, as LiberTEM decides
/// (10.5281/zenodo.1477847). Derivatives are taken from means over blocks of 1, 2, 4, ... positions a side, which overlap by
/// half, and the size of the block is that of the least standard error. A plane over the scan, which descan makes, is left out.
/// Noise raises C and D alike, and so does not move the angle.
/// @param maps deflections in detector axes, finite where there are electrons
/// @param electrons [position] number of electrons, the weight; 0: the position is left out
/// @param scan shape of the maps
/// @param flip whether the detector is flipped, where this is known
/// @throws invalid_argument when the maps are not of the scan's size.
[[nodiscard]] found_rotation find_scan_rotation(const deflection& maps, const std::vector<double>& electrons,
                                                const scan_shape& scan, std::optional<bool> flip = std::nullopt);

}  // namespace countem
