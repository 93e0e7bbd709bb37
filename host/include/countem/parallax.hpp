#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <countem/aberrations.hpp>
#include <countem/event_store.hpp>
#include <countem/found_beam.hpp>
#include <countem/phase_options.hpp>
#include <countem/saved_image.hpp>
#include <countem/scan_window.hpp>
#include <countem/store_batches.hpp>

/// Tilt-corrected bright field (parallax): each bright-field pixel sees the specimen under an angle of its own, and so its
/// image of the scan is displaced by the gradient of the probe's aberrations at that angle. Displacements are found from the
/// data, aberrations and the rotation between detector and scan are fitted to them, and every electron is counted where it
/// belongs (10.1038/s41592-025-02834-9, 10.48550/arXiv.2309.05250).
namespace countem {

/// What is known before, and what is wanted.
struct parallax_options {
  std::optional<found_beam> beam;  ///< the bright-field disk; unset: found in the sum of the frames
  double bright_field = 0;  ///< radius of the pixels to use, detector pixels; 0: 0.95 of the beam's. Displacements are fitted
                            ///< within 0.75 of the beam's
  std::uint32_t upsample = 2;              ///< cells per scan step of the image
  unsigned order = 1;                      ///< of the aberrations that are fitted, 1 to 3
  std::optional<bool> flip;                ///< whether the detector is mirrored; unset: found
  std::optional<double> rotation_degrees;  ///< about this; which of two half turns it is. Unset: the one within -90 to 90
  phase_scale scale;                       ///< for aberrations in nm: step and angle of a pixel
};

/// The image that one group of neighbouring detector pixels makes.
struct bright_field_group {
  double row = 0;              ///< mean of its electrons, detector pixels from the disk's centre
  double column = 0;           ///< likewise
  double electrons = 0;        ///< in the positions used for the fit
  double measured_row = 0;     ///< displacement that its image alone has, scan steps
  double measured_column = 0;  ///< likewise
  double fitted_row = 0;       ///< the same by the aberrations
  double fitted_column = 0;    ///< likewise
};

/// What was found. Lengths of aberrations are nm where the scale is known, else scan steps per power of detector pixels.
struct parallax_result {
  found_beam beam;                           ///< the bright-field disk
  double bright_field = 0;                   ///< radius that was used, detector pixels
  std::vector<aberration> aberrations;       ///< with standard errors
  bool in_nm = false;                        ///< whether their lengths are nm
  scan_rotation rotation;                    ///< from detector axes to scan axes
  double rotation_error_degrees = 0;         ///< standard error
  double score = 0;                          ///< of the search, in standard deviations of what it tried
  double other_hand_score = 0;               ///< with the detector mirrored the other way
  double measured_error = 0;                 ///< of a group's displacement along one axis, root mean square, scan steps
  double largest_shift = 0;                  ///< at the rim of the disk, scan steps
  scan_window aligned{};                     ///< positions of the window that the fit used
  std::vector<bright_field_group> groups;    ///< of the fit
  std::uint32_t upsample = 1;                ///< cells per scan step
  scan_shape scan{};                         ///< positions that were used
  image_axes axes;                           ///< of the cells
  std::vector<std::uint32_t> electrons;      ///< [cell] counted
  std::vector<double> expected;              ///< [cell] without contrast
  std::uint64_t frames = 0;                  ///< used
  std::uint64_t left_out_frames = 0;         ///< missing, or lacking a part of the detector
  std::uint64_t bright_field_electrons = 0;  ///< in those frames
};

/// Reads the window's frames three or four times: for their sum, for images of groups, and for the image.
/// @throws invalid_argument when an option makes no sense or no disk is found; format_error when the images show no
/// displacement that belongs together; as for_batches() does.
[[nodiscard]] parallax_result reconstruct_parallax(const event_store& store, const parallax_options& options,
                                                   const scan_window& window, const reading_options& reading);

/// The results as images for files: tilt_corrected (electrons over what is expected, 1 without contrast, NaN in cells that no
/// pixel reaches), tilt_corrected_error, tilt_corrected_electrons, tilt_corrected_expected, and of the groups of the fit
/// bright_field_shifts (groups x 3 x 2: place, measured and fitted displacement) and bright_field_electrons.
[[nodiscard]] std::vector<saved_image> images_of(const parallax_result& result);

}  // namespace countem
