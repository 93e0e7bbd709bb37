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
  std::optional<std::uint64_t> first;     ///< frame of the scan that it begins with, by its image numbers
  std::optional<std::uint64_t> length{};  ///< that it was made for, where none was written; 0: not known
};

/// Where the runs of a scan lie in it.
struct placed_frames {
  std::vector<std::uint64_t> first;  ///< of each dataset, also of those that are not there
  std::uint64_t held = 0;            ///< frames up to the end of the last dataset
  bool has_gaps = false;             ///< frames before that end are in no dataset
  std::uint64_t end = 0;             ///< frames of the scan
};

/// Places runs by number, never by order of arrival: by their own image numbers; behind a run that is there; where runs lack,
/// by the common length of the others (all but the last of a scan have it), or by what remains of `total`, the frames that the
/// file itself claims. `runs` are in order of their numbers, each number once. A run that lacks at the end is taken to be as
/// long as the others, unless `total` is known. Runs that together have as many frames as the total follow one another,
/// whatever their numbers. `name` is the file's.
/// @throws format_error naming the run whose place cannot be known, or that contradicts its image numbers or the total
[[nodiscard]] placed_frames place_frames(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total,
                                         const std::string& name);

}  // namespace countem::io
