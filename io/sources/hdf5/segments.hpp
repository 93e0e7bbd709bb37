#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/sources/hdf5/axes.hpp"
#include "io/sources/hdf5/find.hpp"
#include "io/sources/source_issues.hpp"

// The datasets that hold the frames of one scan. Callers hold hdf5_lock().
namespace countem::io {

/// One dataset with frames behind its leading axes.
struct segment {
  hdf5_handle dataset;
  std::string path;
  std::vector<hsize_t> extent;
  frame_axes axes;
  std::uint64_t first_frame = 0;
  std::uint64_t frames = 0;
  std::vector<bool> lost;          ///< by frame of the segment: a part of it was never written or is in no file; empty: none is
  std::vector<std::uint8_t> gaps;  ///< by pixel: not 0 where no source of a virtual dataset holds it in any frame; empty: none

  /// Whether a frame of the scan, which is in this segment, is lost.
  [[nodiscard]] bool is_lost(std::uint64_t number) const { return !lost.empty() && lost[number - first_frame]; }
};

/// The datasets of one scan, and how many frames it has.
struct segments_of_scan {
  std::vector<segment> there;
  std::uint64_t frames = 0;  ///< those behind the last dataset that is there are missing
};

/// Opens the datasets and gives each its place in the scan (placement.hpp): what is not there leaves a gap. `options`: their
/// axes, and the image that is wanted. `name` is the file's. @throws format_error when none is there, when the place of one
/// cannot be known, or a claim is out of proportion to what is stored
[[nodiscard]] segments_of_scan open_segments(hid_t file, const frame_datasets& found, const source_options& options,
                                             const std::filesystem::path& name, issue_list& issues);

/// @throws format_error unless all hold frames of one shape and type.
void check_segments_alike(const std::vector<segment>& segments, const std::string& name);

}  // namespace countem::io
