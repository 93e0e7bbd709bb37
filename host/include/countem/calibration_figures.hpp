#pragma once

#include <filesystem>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/output.hpp>

namespace countem {

/// The files that write_calibration_figures() makes: STEM_histogram.png and STEM_thresholds.png in `directory`.
[[nodiscard]] std::vector<std::filesystem::path> calibration_figure_names(const std::filesystem::path& calibration_file,
                                                                          const std::filesystem::path& directory);

/// Draws how thresholds were found: the histogram of the sampled charges with its mirror, the fit of the noise peak and the
/// thresholds; and what lies beyond each threshold in the sample and in its mirror. `calibration_file` names them. Returns the
/// files: none where nothing was sampled, the first alone without a dark reference.
/// @throws io_error, invalid_argument as check_output()
std::vector<std::filesystem::path> write_calibration_figures(const calibration& drawn,
                                                             const std::filesystem::path& calibration_file,
                                                             const std::filesystem::path& directory,
                                                             const output_rules& rules = {});

}  // namespace countem
