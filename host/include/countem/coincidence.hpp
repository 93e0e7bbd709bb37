#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/reductions.hpp>
#include <countem/saved_image.hpp>
#include <countem/scan_window.hpp>
#include <countem/store_batches.hpp>

/// Coincidence loss of counted electrons, measured from their events: two electrons that fall close to each other in one frame
/// are counted as one, which leaves a hole in the pair correlation of events within frames. Its area is the dead area around
/// each electron, and what is lost follows from the local density of events (10.3389/fphy.2024.1408430; counted
/// electrons: 10.1038/nmeth.2472).
namespace countem {

/// The hole in the pair correlation.
struct dead_area {
  bool is_found = false;   ///< there are pairs enough: the area is known to a third of itself
  double area = 0;         ///< detector pixels
  double error = 0;        ///< standard error, by leaving out parts of the scan in turn
  double split = 0;        ///< electrons that make two events nearby, per event; 0 where rates hardly differ over the detector
  double split_error = 0;  ///< standard error
  double local_rate = 0;   ///< events per detector pixel and frame around an event, mean over events
  std::uint64_t events = 0;  ///< that were used
};

/// Beyond this share of lost electrons corrected counts are too low: by 2 % or more from 20 % on.
inline constexpr double most_correctable_loss = 0.1;

/// Counts of a detector corrected for coincidences and for false events.
struct corrected_counts {
  std::vector<double> counts;     ///< [position] NaN where no frame arrived
  double loss = 0;                ///< lost share of the electrons, all positions together
  double false_events = 0;        ///< expected ones that were subtracted, all positions together
  double false_events_error = 0;  ///< standard error: of the sample that the thresholds were found in
  std::uint64_t beyond = 0;       ///< positions whose loss is above most_correctable_loss by 3 standard deviations
};

/// What was measured and corrected.
struct coincidence_result {
  dead_area area;                           ///< from all frames of the window that lack nothing
  bool false_events_known = false;          ///< the calibration had a dark reference: what thresholds let through is subtracted
  std::vector<corrected_counts> detectors;  ///< [detector] of the masks; one more of the whole frame at the end
};

/// Measures the dead area, then corrects. An event with k neighbours in the ring around it, of b pixels, where pairs are seen
/// as they are, counts for sum_i (i + 1)^(i - 1) / i! (A / 2 b)^i k (k - 1) ... (k - i + 1), whose expectation is the electrons
/// per event at the density that made them: n / m, m = n exp(-A n / 2). Nothing is assumed about the pattern but that it is
/// smooth over the ring. Where the fit of the thresholds expects events of noise, these are subtracted: the same number on each
/// pixel that is not masked. Reads the window's frames three times. `masks` are detectors of the frames' shape.
/// @throws invalid_argument when masks are of another shape; as for_batches() does.
[[nodiscard]] coincidence_result correct_coincidences(const event_store& store, const detector_masks& masks,
                                                      const scan_window& window, const reading_options& reading);

/// The corrected counts as images: virtual_N_corrected for each detector and counts_corrected, with the dead area and the loss
/// as attributes; none where no dead area was found.
[[nodiscard]] std::vector<saved_image> images_of(const coincidence_result& result, std::span<const virtual_detector> detectors,
                                                 const scan_shape& scan, const image_axes& axes = {});

}  // namespace countem
