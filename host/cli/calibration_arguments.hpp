#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <countem/calibrate.hpp>
#include <countem/frame_source.hpp>

#include "host/cli/source_arguments.hpp"

namespace countem::cli {

/// The options that define how frames are calibrated, the same for every command that needs a calibration. CLI11 keeps the
/// addresses of the members, so the object must stay where it is until the command has run.
class calibration_arguments {
 public:
  calibration_arguments() = default;
  calibration_arguments(const calibration_arguments&) = delete;
  calibration_arguments& operator=(const calibration_arguments&) = delete;

  /// Adds the options from which a calibration is made.
  void add_making_to(CLI::App& command);
  /// Adds those and --calibration FILE, which stands for most of them.
  void add_to(CLI::App& command);

  /// The calibration for these frames: from the file if there is one, with thresholds given beside it taking its thresholds'
  /// places; else from darks, gain, mask and a sample of the frames. `threads` 0: all cores. `accept_masked`: even where the
  /// darks mask most of the detector.
  /// @throws invalid_argument, format_error, io_error; interrupted soon after `stop` is raised
  [[nodiscard]] calibration resolve(const frame_source& frames, const counting_options& counting,
                                    const source_arguments& inputs, unsigned threads, bool accept_masked,
                                    const std::atomic<bool>& stop) const;

  /// Darks, gain and mask without thresholds: a calibration for many scans, each of which finds its own.
  /// @throws as resolve(); invalid_argument without darks.
  [[nodiscard]] calibration references_alone(const source_arguments& inputs, unsigned threads,
                                             const std::atomic<bool>& stop) const;

  /// The calibration of method counts: a mask at most.
  /// @throws invalid_argument when more was given; format_error, io_error for the mask.
  [[nodiscard]] calibration without_thresholds(const frame_source& frames) const;

  /// The files that were given, those that folders and names of datasets stand for among them, as they are now.
  [[nodiscard]] std::vector<input_file> files(const source_arguments& inputs) const;
  /// Frames asked for as a sample.
  [[nodiscard]] std::uint32_t samples() const { return options_.samples; }
  [[nodiscard]] std::uint64_t seed() const { return options_.seed; }

 private:
  void take_background_sigma(const std::string& given);
  [[nodiscard]] calibration from_file(const frame_source& frames, bool accept_masked) const;
  [[nodiscard]] calibration references(frame_shape shape, const source_arguments& inputs, unsigned threads,
                                       const std::atomic<bool>& stop) const;

  std::filesystem::path file_;
  std::vector<std::filesystem::path> darks_;
  std::filesystem::path gain_;
  std::filesystem::path mask_;
  calibration_options options_;
  std::vector<const CLI::Option*> of_sample_;  ///< options for finding thresholds
};

/// A sentence where another method would find more of the electrons that the sample shows (docs/counting_quality.md); else
/// empty.
[[nodiscard]] std::string method_advice(const calibration& used, counting_method method, frame_shape frames);

/// What is counted with, in one line.
[[nodiscard]] std::string summary(const calibration& used);

}  // namespace countem::cli
