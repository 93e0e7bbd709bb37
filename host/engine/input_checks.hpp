#pragma once

#include <cstdint>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/calibration.hpp>
#include <countem/frame_source.hpp>

// Whether references and frames can be what they are called. docs/calibration.md lists the questions and their limits. What
// cannot be right is an error; what may be right becomes a note of the calibration.
namespace countem::engine {

/// Frames of the scan that calibrate() looks into, and how.
struct sampled_frames {
  const frame_source& source;
  const std::vector<std::uint64_t>& numbers;
  unsigned threads = 0;
};

/// Notes about the dark reference alone; before anything is fitted.
/// @throws format_error when it masks more than a tenth of the pixels that the frames have, unless that is accepted.
void check_darks(calibration& made, const sampled_frames& frames, bool accept_masked);

/// What background_from_adu() refuses, with the noise of the frames in the sentence. @throws invalid_argument
void require_threshold(const calibration& made, double background_adu);

/// @throws format_error when the fitted noise is below 1/16 ADU.
void require_noise(double sigma_adu);

/// @throws format_error when frames of floating-point numbers that differ all give the same charge.
void require_charges(const calibration& made, const sampled_frames& frames);

/// A note where the gains are far from 1, as no factor between pixels is.
void note_gain(calibration& made);

/// A note where the background threshold lies within the noise.
void note_threshold(calibration& made);

/// How many sigmas above the fitted noise the background threshold is; method peaks: a lone pixel at the score threshold.
[[nodiscard]] double sigmas_of(const calibration& found);

/// A note where a threshold was found from mirrored charges with darks that do not show which pixels blink.
void note_blinking(calibration& made);

/// That the automatic threshold needs a dark reference, where there is none.
void note_absent_darks(calibration& made);

/// Notes about the noise of the frames against that of the darks.
void note_noise(calibration& made);

/// Notes about what the sampled frames hold: values at the detector's maximum, values too small for 1/16 ADU, a component of
/// hits over a tenth of a frame.
void note_frames(calibration& made, const sampled_frames& frames);

}  // namespace countem::engine
