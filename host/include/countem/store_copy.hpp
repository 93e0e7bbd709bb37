#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/reductions.hpp>
#include <countem/result_images.hpp>
#include <countem/scan_window.hpp>
#include <countem/source_issue.hpp>
#include <countem/store_batches.hpp>

namespace countem {

/// What to leave out of a copy of a store, and what to merge. Cropping happens before binning.
struct copy_plan {
  scan_window scan;          ///< positions that are kept
  detector_window detector;  ///< pixels of the event grid that are kept
  std::uint32_t bin = 1;     ///< pixels per side that become one
  /// Positions per side that become one; frames of the same repeat are merged, their events all kept.
  std::uint32_t scan_bin = 1;
};

/// The plan without the last rows and columns of detector and scan that fill no whole bin: a cell at the edge that holds less
/// than the others looks like a shadow. @throws invalid_argument where nothing is left.
[[nodiscard]] copy_plan whole_bins(copy_plan plan);

/// Grid, scan and places of a copy, without its calibration: what a view of the store needs, at no cost.
/// @throws invalid_argument when the plan keeps nothing, or windows reach beyond scan or detector.
[[nodiscard]] result_axes axes_of_copy(const store_description& from, const copy_plan& plan);

/// What a copy is: the store's description with shape, scan and calibration cut to what is kept. A binned copy keeps the
/// thresholds of its calibration but not its images, which are per detector pixel.
/// @throws invalid_argument when the plan keeps nothing, or windows reach beyond scan or detector.
[[nodiscard]] store_description describe_copy(const store_description& from, const copy_plan& plan);

/// Of a copy whose positions are merged: one issue ("merged_frames_lack_some") that counts the frames which some of the store's
/// frames would have gone into but never arrived, or not whole; nothing where none is so. `name` begins the sentence.
/// @throws as axes_of_copy()
[[nodiscard]] std::vector<source_issue> lacking_in_copy(const event_store& from, const copy_plan& plan,
                                                        const std::string& name);

/// masked_events() of describe_copy(), without the other images of the calibration. @throws as axes_of_copy()
[[nodiscard]] std::vector<std::uint8_t> masked_in_copy(const store_description& from, const copy_plan& plan);

/// Shows the copy's frames in order, some thousand at a time. Where positions are merged or events carry values, which stay
/// with them, these are parts of a row of positions, with some millions of events where a position has not more.
/// @throws as for_batches().
void for_copied_batches(const event_store& from, const copy_plan& plan, const reading_options& options,
                        const std::function<void(const event_batch&)>& visit);

/// Writes the copy's frames to a sink made for describe_copy(). Values stay with their events. The caller finishes the sink.
/// @throws as for_batches().
void copy_frames(const event_store& from, const copy_plan& plan, event_sink& to, const reading_options& options);

}  // namespace countem
