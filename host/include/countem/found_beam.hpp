#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <countem/reductions.hpp>

namespace countem {

/// One of two disks that may be the beam.
struct beam_candidate {
  detector_point centre{};  ///< of the disk
  double electrons = 0;     ///< of the whole disk, above the background, as fitted
};

/// The unscattered beam on a pattern: a disk, its standard errors, and where they come from. In pixels of the pattern.
struct found_beam {
  /// No error is known: the centre was given, or no beam was found.
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

  bool found = false;                             ///< whether a disk was found; else the centre was given, or is a guess
  bool guess = false;                             ///< no disk, or none alone: centre and radius are those of no_beam()
  detector_point centre{};                        ///< of the disk
  double radius = 0;                              ///< to where the rim has half of the disk's level above the background
  detector_point centre_error{unknown, unknown};  ///< standard errors of row and column
  double radius_error = unknown;                  ///< standard error of the radius
  double rim_width = unknown;                     ///< standard deviation of the blur of the rim, that of pixels not counted
  std::uint64_t electrons = 0;                    ///< on the used pixels within the radius
  std::string how;                                ///< where it comes from, as "found in the summed pattern"
  /// Where another disk is at least half as bright as the one that was found: both, that one first; where they are alike and
  /// none is found, the brighter one first. Otherwise empty.
  std::vector<beam_candidate> candidates{};
};

/// What find_beam() knows of the pattern besides its values.
struct beam_search {
  std::span<const std::uint8_t> masked{};    ///< [pixel] of the pattern, not 0: the pixel is left out; empty: none is
  std::uint32_t upsample = 1;                ///< the grid of events is so many times finer than the detector
  std::string where = "the summed pattern";  ///< for found_beam::how
};

/// Finds the brightest disk of a summed pattern and fits its rim by maximum likelihood (docs/reductions.md, "Beam").
/// Deterministic. `found` is false for a pattern without a disk: noise, a flat pattern, too few electrons, a rim of which too
/// little is seen to give a centre; and where two disks are alike, such as those of a lattice whose direct beam is stopped.
/// Neither hot nor masked pixels, beam stops, the frame's edges nor weaker disks beside it move it by more than its error.
/// @throws invalid_argument when `sum` or the mask is not of the frame's size.
[[nodiscard]] found_beam find_beam(std::span<const std::uint64_t> sum, frame_shape shape, const beam_search& known = {});

/// The same for an image of electrons, which may have fractions (a mean pattern: what matters is that values are proportional
/// to numbers of electrons). Values that are not above 0 count as 0.
/// @throws invalid_argument when a value is infinite, or as above.
[[nodiscard]] found_beam find_beam(std::span<const float> image, frame_shape shape, const beam_search& known = {});

/// What stands in where no beam is found: the frame's middle and a quarter of its shorter side.
[[nodiscard]] found_beam no_beam(frame_shape shape, const std::string& where);

}  // namespace countem
