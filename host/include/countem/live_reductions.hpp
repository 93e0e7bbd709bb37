#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <countem/output.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/result_images.hpp>
#include <countem/saved_image.hpp>
#include <countem/scan_reducer.hpp>

namespace countem {

/// Reductions that are computed while a scan is counted, and their pictures, drawn anew every few seconds.
class live_reductions {
 public:
  /// `directory`: where the pictures go, named STEM_live_NAME.png; empty: none are drawn.
  /// `plan`: in detector pixels. `expects_losses`: frames lack something, so that completeness is announced too.
  live_reductions(const reduction_plan& plan, const result_axes& axes, bool expects_losses, backend where, unsigned threads,
                  std::filesystem::path directory, std::string stem, output_rules rules = {});

  /// For pipeline_options::live.
  [[nodiscard]] scan_reducer& reducer() { return reducer_; }
  /// The images of finish() as they are now, to announce them to the store.
  [[nodiscard]] std::vector<saved_image> announced();
  /// Draws the pictures if the last ones are old enough.
  void refresh();
  /// Draws the last pictures; returns what goes into the file. Profiles of rings are streamed: it must outlive the images.
  [[nodiscard]] std::vector<saved_image> finish();

 private:
  [[nodiscard]] std::vector<saved_image> images(image_detail detail);
  void draw();

  reduction_plan plan_;
  result_axes axes_;
  bool expects_losses_;
  std::filesystem::path directory_;
  std::string stem_;
  output_rules rules_;
  scan_reducer reducer_;
  std::chrono::steady_clock::time_point drawn_ = std::chrono::steady_clock::now();
};

}  // namespace countem
