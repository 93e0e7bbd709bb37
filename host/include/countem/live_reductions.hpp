#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <countem/output.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/saved_image.hpp>
#include <countem/scan_reducer.hpp>

namespace countem {

/// Reductions that are computed while a scan is counted, and their pictures, drawn anew every few seconds.
class live_reductions {
 public:
  /// `directory`: where the pictures go, named STEM_live_NAME.png; empty: none are drawn.
  live_reductions(const reduction_plan& plan, frame_shape grid, scan_shape scan, backend where, unsigned threads,
                  std::filesystem::path directory, std::string stem, output_rules rules = {});

  /// For pipeline_options::live.
  [[nodiscard]] scan_reducer& reducer() { return reducer_; }
  /// The images of finish() as they are now, to announce them to the store.
  [[nodiscard]] std::vector<saved_image> announced();
  /// Draws the pictures if the last ones are old enough.
  void refresh();
  /// Draws the last pictures; returns what goes into the file.
  [[nodiscard]] std::vector<saved_image> finish();

 private:
  [[nodiscard]] std::vector<saved_image> images(const reduction_result& result) const;
  [[nodiscard]] std::vector<saved_image> previews() const;
  void draw() const;

  frame_shape grid_;
  scan_shape scan_;
  std::filesystem::path directory_;
  std::string stem_;
  output_rules rules_;
  scan_reducer reducer_;
  std::chrono::steady_clock::time_point drawn_ = std::chrono::steady_clock::now();
};

}  // namespace countem
