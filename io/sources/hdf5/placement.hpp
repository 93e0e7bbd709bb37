#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace countem::io {

/// What is known of a dataset that holds a run of a scan's frames.
struct numbered_frames {
  std::string path;
  std::uint64_t number = 0;               ///< in its name: data_000001 is 1
  std::optional<std::uint64_t> frames;    ///< that it holds; empty: it is not there
  std::optional<std::uint64_t> image;     ///< number of its first frame, from whatever base
  std::optional<std::uint64_t> length{};  ///< that it was made for, where none was written; 0: not known
};

/// Frames between two runs that are there, or before the first or behind the last.
struct frame_gap {
  std::size_t begin = 0;                ///< first run that lacks, as far as runs are listed
  std::size_t end = 0;                  ///< run behind the gap
  std::uint64_t datasets = 0;           ///< by number, that held them
  std::optional<std::uint64_t> frames;  ///< that are missing; empty: not known
};

/// Where the runs of a scan lie in it.
struct placed_frames {
  std::vector<std::uint64_t> first;  ///< of each run that is there
  std::vector<frame_gap> gaps;       ///< in order; one without datasets at the end: frames of the total behind the last run
  std::uint64_t end = 0;             ///< frames of the scan
};

/// The first of 1 and 0 that a number of these runs can be.
[[nodiscard]] std::uint64_t first_number(const std::vector<numbered_frames>& runs);

/// Places runs by number, never by order of arrival: by their image numbers if all that are there have them, of which the first
/// run has the base; where runs lack, by the common length of those that are there (all but the last of a scan have it, and the
/// last is not longer), and by `total`, the frames that the file itself claims. Each of these is one reading, and the first
/// that nothing contradicts holds. `runs` are in order of their numbers, each number once, one of them there. Runs that lack at
/// the end are taken to be as long as the others, unless `total` is known. Runs that together have as many frames as the total
/// follow one another, whatever their numbers. `name` is the file's.
/// @throws format_error naming the run whose place cannot be known, or that contradicts its image numbers or the total
[[nodiscard]] placed_frames place_frames(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total,
                                         const std::string& name);

}  // namespace countem::io
