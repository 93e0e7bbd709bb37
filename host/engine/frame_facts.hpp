#pragma once

#include <cstdint>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/frame_source.hpp>

// What single frames show beyond their charges. Pixels that the calibration masks, or that did not arrive, are never judged.
namespace countem::engine {

/// Raw values at the end of the detector's range.
struct saturation {
  double value = 0;          ///< the largest value that the detector gives
  std::uint64_t pixels = 0;  ///< that hold it, in all frames
  std::uint64_t frames = 0;  ///< in which there are such pixels
  std::uint64_t frame = 0;   ///< the first of them
  std::uint64_t pixel = 0;   ///< and its first such pixel

  friend bool operator==(const saturation&, const saturation&) = default;
};

/// Values that cannot be a chance: the largest of the pixel type (u8: where more pixels hold it than the 16 values below), or
/// one that more pixels hold than the 16 values below, is the largest of all and one less than a power of two; numbers of 32
/// bits: those whose charge is cut. `pixels` 0: none.
[[nodiscard]] saturation find_saturation(const frame_source& source, const std::vector<std::uint64_t>& frames,
                                         const calibration& calibrated, unsigned threads);

/// The 8-connected component of hits with most pixels, as their number, of each frame that has more hits than `least`; 0 of
/// the others. Row noise is not corrected.
[[nodiscard]] std::vector<std::uint64_t> largest_components(const frame_source& source,
                                                            const std::vector<std::uint64_t>& frames,
                                                            const calibration& calibrated, std::uint64_t least,
                                                            unsigned threads);

/// Whether any two raw values of the frames differ.
[[nodiscard]] bool values_differ(const frame_source& source, const std::vector<std::uint64_t>& frames,
                                 const calibration& calibrated);

/// The sectors of which anything arrived in these frames, as the bits of frame_view::present; all for a detector without any.
[[nodiscard]] std::uint8_t sectors_of(const frame_source& source, const std::vector<std::uint64_t>& frames,
                                      sector_split& split);

/// The sector of a pixel; 0 for a detector without any.
[[nodiscard]] std::uint32_t sector_of(std::uint64_t pixel, frame_shape shape, sector_split split);

}  // namespace countem::engine
