#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <countem/counting.hpp>
#include <countem/frame_source.hpp>
#include <countem/reductions.hpp>
#include <countem/saved_image.hpp>

namespace countem::cli {

/// "sum,com,max,radial,virtual:annulus:60,200@10,20,...": what to compute while counting. A number goes with the word before
/// it.
/// @throws invalid_argument naming the word that is none of these.
[[nodiscard]] reduction_plan parse_live_plan(std::string_view text);

/// The bright disk's centre on the sum of some frames of the source, evenly spread, counted for this alone.
[[nodiscard]] detector_point sampled_centre(const frame_source& source, const counting_setup& setup);

/// Reductions that are computed while a scan is counted, and their pictures, drawn anew every few seconds.
class live_reductions {
 public:
  /// `directory`: where the pictures go, named STEM_live_NAME.png; empty: none are drawn.
  live_reductions(const reduction_plan& plan, frame_shape grid, scan_shape scan, backend where, unsigned threads,
                  std::filesystem::path directory, std::string stem);

  [[nodiscard]] scan_reducer& reducer() { return reducer_; }
  /// Draws the pictures if the last ones are old enough.
  void refresh();
  /// Draws the last pictures; returns what goes into the file.
  [[nodiscard]] std::vector<saved_image> finish();

 private:
  [[nodiscard]] std::vector<saved_image> images(const reduction_result& result) const;
  void draw() const;

  frame_shape grid_;
  scan_shape scan_;
  std::filesystem::path directory_;
  std::string stem_;
  scan_reducer reducer_;
  std::chrono::steady_clock::time_point drawn_ = std::chrono::steady_clock::now();
};

}  // namespace countem::cli
