#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <countem/source_issue.hpp>
#include <countem/types.hpp>

namespace countem {

/// How the frames of a recording lie in a scan: line after line from the top, each from the left, where nothing else is set.
struct scan_path {
  /// Frames recorded before the first position; below 0: so many positions passed before the first frame was recorded.
  std::int64_t skip = 0;
  std::uint32_t flyback = 0;  ///< frames recorded behind each line while the beam returns, which belong to no position
  bool snake = false;         ///< every second line, the second first, runs from the right to the left

  /// Whether frames lie one after another from the first on.
  [[nodiscard]] constexpr bool is_plain() const { return *this == scan_path{}; }
  friend constexpr bool operator==(const scan_path&, const scan_path&) = default;
};

/// "2 frames skipped, 1 frame of flyback behind each line, every second line backwards"; empty for a plain path.
[[nodiscard]] std::string words_of(const scan_path& path);

/// A scan as it is given, with 0 frames at each position where their number is not: then they are as many as the files state.
[[nodiscard]] constexpr scan_shape with_repeats(scan_shape given, std::uint32_t stated) {
  if (given.frames_per_position == 0) given.frames_per_position = stated;
  return given;
}

/// The scan that a recording makes along a path: `given`, as with_repeats() has it with those of the recording; else that of
/// the recording, its lines shorter by the flyback. `name` begins sentences.
/// @throws invalid_argument where the scan must be given, or its lines are shorter than the flyback
[[nodiscard]] scan_shape along(const scan_path& path, const scan_shape& recording, const std::optional<scan_shape>& given,
                               const std::string& name);

/// Frames of a scan that follow one another in the recording, too.
struct ordered_run {
  std::uint64_t first = 0;                ///< number in the scan of the first of them
  std::uint64_t frames = 0;               ///< how many, at least 1
  std::optional<std::uint64_t> recorded;  ///< lowest number in the recording; unset: it holds none of them
  bool backwards = false;                 ///< the last one has that number, those before it the ones above
};

/// Which recorded frame each frame of a scan is.
class frame_order {
 public:
  /// `recorded`: frames of the recording. @throws invalid_argument where the scan is empty or a number is above 2^28.
  frame_order(const scan_shape& scan, const scan_path& path, std::uint64_t recorded);

  /// The recorded frame of a frame of the scan; nothing where none was recorded.
  [[nodiscard]] std::optional<std::uint64_t> recorded(std::uint64_t frame) const;
  /// The longest run from frame `first` on that ends before `end`.
  [[nodiscard]] ordered_run run(std::uint64_t first, std::uint64_t end) const;

  /// Frames from the first recorded one up to the last line's end, whether they were recorded or not; its flyback left out.
  [[nodiscard]] std::uint64_t needed() const;
  /// Frames of the scan that were not recorded.
  [[nodiscard]] std::uint64_t lacking() const;
  /// Recorded frames behind the last line and its flyback.
  [[nodiscard]] std::uint64_t left_over() const;
  /// Of the whole recording.
  [[nodiscard]] std::uint64_t recorded_frames() const { return recorded_; }
  /// The path of the frames.
  [[nodiscard]] const scan_path& path() const { return path_; }
  [[nodiscard]] const scan_shape& scan() const { return scan_; }  ///< that it makes

 private:
  [[nodiscard]] std::int64_t place(std::uint64_t frame) const;
  [[nodiscard]] std::uint64_t line_frames() const { return std::uint64_t{scan_.width} * scan_.frames_per_position; }
  [[nodiscard]] bool runs_backwards(std::uint64_t frame) const { return path_.snake && frame / line_frames() % 2 == 1; }

  scan_shape scan_;
  scan_path path_;
  std::uint64_t recorded_;
};

/// "10 x 12 positions (width x height) with 2 frames each"
[[nodiscard]] std::string words_of(const scan_shape& scan);

/// What an order lacks ("missing_frame") and leaves over ("more_frames_than_scan"), as what a file is found to be: the
/// sentences lack its name.
[[nodiscard]] std::vector<source_issue> misfits(const frame_order& order);

/// A position of a raster, which may lie before its first row.
struct raster_place {
  std::int64_t row = 0;     ///< negative: above the raster's first one
  std::int64_t column = 0;  ///< from the left
};

/// Where in a raster the first position of a scan lies, if the scan's rows and columns are some of the raster's; nothing where
/// they are not, so that a step of the raster is none of the scan. `raster`: what the recording's frames are one after another;
/// the scan is made of them along a path.
[[nodiscard]] std::optional<raster_place> place_in_raster(const scan_shape& raster, const scan_shape& scan,
                                                          const scan_path& path);

/// The sentence of "scan_step_not_taken", without the file's name: the step is known for the raster, the scan is no part of it.
[[nodiscard]] std::string words_of_lost_step(const scan_shape& raster, const scan_shape& scan, const scan_path& path);

/// A sentence's end about the scans into which a number of positions would fold, those most like `wanted` first: "110 frames
/// fill 10 x 11 or 11 x 10 positions (width x height)".
[[nodiscard]] std::string words_of_foldings(std::uint64_t frames, const scan_shape& wanted);

}  // namespace countem
