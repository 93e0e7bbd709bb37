#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/counting.hpp>
#include <countem/frame_source.hpp>
#include <countem/output.hpp>

namespace countem {

/// n of mean + n sigma where nothing better is known, as the field has it.
inline constexpr double usual_background_sigmas = 4.5;

/// How thresholds and masks are found. docs/calibration.md defines it.
struct calibration_options {
  counting_method method = counting_method::cluster;  ///< what the thresholds are for
  std::uint32_t samples = 40;                         ///< frames drawn, seeded, from those that arrived
  /// Background threshold = fitted mean + this many fitted sigmas; method peaks: a lone pixel at the score threshold lies
  /// there. Empty: the threshold that finds most electrons, which needs a dark reference; usual_background_sigmas without one.
  std::optional<double> background_sigmas;
  bool needs_automatic = false;      ///< that threshold is asked for: where it cannot be had, a note reports it
  std::optional<double> false_hits;  ///< instead: the lowest threshold with so many events of noise in a frame
  double xray_sigmas = 175.0;        ///< X-ray threshold = sample mean + this many sample standard deviations
  std::uint64_t seed = 0;            ///< of the choice of sampled frames
  background_method background = background_method::none;  ///< what counting will subtract from the frames, and so from these
  bool per_pixel_thresholds = false;                       ///< pixel mean + n sigma from the darks instead of one threshold
  std::optional<double> background_adu;                    ///< given directly
  std::optional<double> score_adu;                         ///< method peaks; given directly
  std::optional<double> xray_adu;                          ///< given directly
  unsigned threads = 0;                                    ///< 0: all cores
  bool accept_masked = false;                              ///< even where the darks mask more than a tenth of the pixels
};

/// Mean, temporal noise and mask of a set of dark frames.
struct dark_reference {
  frame_shape shape{};               ///< of the dark frames
  std::vector<std::int32_t> mean16;  ///< rint(16 * mean), half to even, the mean in double
  std::vector<float> sigma_adu;      ///< temporal standard deviation (n - 1); NaN where fewer than two values; empty: one frame
  std::vector<std::uint8_t> mask;    ///< mask_reason bits: hot, dead, blinking
  std::uint64_t frames = 0;          ///< dark frames averaged
  std::vector<input_file> files;     ///< that they were read from
  std::vector<source_issue> issues;  ///< found in these files
};

/// Of the kinds of notes that a calibration keeps about the files of its dark reference.
inline constexpr std::string_view dark_issue_prefix = "dark_";

/// Averages all frames of a source taken without beam: each pixel over the frames in which it arrived as a finite number.
/// One that never did is masked. docs/calibration.md defines which pixels are masked. The same result for any number of
/// threads.
/// @throws format_error when no frame arrived.
[[nodiscard]] dark_reference average_darks(const frame_source& darks, unsigned threads = 0);

/// Thresholds for `frames`, with darks, gain and mask already in `start` (which may be empty).
/// Pixels that the file of the frames marks as unusable are masked. What the inputs show about themselves is added to
/// calibration::notes (docs/calibration.md lists the questions). Whatever `options` gives directly is taken; the rest is fitted
/// from a seeded sample (all frames where fewer arrived than are asked for). Where both thresholds are given, the sample only
/// leaves its histogram, if it has one. The same seed gives the same bytes, for any number of threads. docs/calibration.md
/// defines it.
/// @throws invalid_argument when options or references contradict each other or the frames, format_error when no frame arrived,
/// there is no noise peak to fit, no pixel that is not masked, or the darks mask more than a tenth of the pixels that the
/// frames have.
[[nodiscard]] calibration calibrate(const frame_source& frames, calibration start, const calibration_options& options);

/// Checks a calibration that was loaded, and perhaps given other thresholds, as calibrate() checks one that it makes: its notes
/// about thresholds are made anew, and a mask of more than a tenth of the pixels of these frames is refused unless accepted.
/// @throws format_error
void check_loaded(calibration& loaded, const frame_source& frames, bool accept_masked);

/// The pixels of a source that is one whole frame: an image of the detector. `what` names its use in errors.
/// @throws format_error when it holds another number of frames, or only a part of one.
[[nodiscard]] std::vector<float> read_image(const frame_source& image, const char* what);

/// Puts a dark reference into a calibration; its bad pixels are added to the mask.
/// @throws invalid_argument when the calibration is for frames of another shape (so do the next two).
void apply_dark(calibration& into, const dark_reference& dark);
/// Puts the only frame of a source into a calibration as its gain reference; pixels whose gain is not a finite number above 0
/// are masked.
/// Open 64-bit gains with source_options::keep_fractions, as open_detector_image() does.
/// @throws format_error when there is not exactly one whole frame, or no gain that can be used in it.
void apply_gain(calibration& into, const frame_source& gain);
/// Adds the pixels that are not 0 in the only frame of a source to the mask, as mask_given.
/// @throws format_error when there is not exactly one whole frame, or it masks every pixel.
void apply_mask(calibration& into, const frame_source& mask);

/// Adds the pixels that the file of the frames itself marks as unusable (source_info::masked) to the mask, as mask_given.
/// calibrate() and check_loaded() do so. @throws as apply_dark()
void apply_source_mask(calibration& into, const frame_source& frames);

/// A calibration as an HDF5 file. @throws io_error, invalid_argument as check_output()
void save_calibration(const calibration& saved, const std::filesystem::path& path, const output_rules& rules = {});
extern const output_kind calibration_output;  ///< what save_calibration() writes
/// @throws io_error, format_error.
[[nodiscard]] calibration load_calibration(const std::filesystem::path& path);

}  // namespace countem
