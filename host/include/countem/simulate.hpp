#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <countem/frame_source.hpp>
#include <countem/output.hpp>
#include <countem/types.hpp>

namespace countem {

/// A simulated 4D-STEM scan on a thinned, direct electron detector.
struct simulation_options {
  scan_shape scan{64, 64, 1};     ///< positions and frames at each
  frame_shape frame{576, 576};    ///< detector pixels
  double occupancy = 0.001;       ///< mean electrons a detector pixel and frame, 0 to 0.5
  double kilovolts = 300;         ///< 60 to 300
  std::uint64_t seed = 1;         ///< of all random numbers
  double baseline_adu = 20;       ///< mean dark level; row and pixel structure come on top
  double noise_adu = 2;           ///< rms readout noise
  double xrays_per_frame = 0.02;  ///< mean number
  double hot_pixels = 20;         ///< on the whole detector
};

/// The electrons that truly hit, frame after frame.
struct simulated_truth {
  std::vector<std::uint64_t> indptr{0};  ///< frames + 1
  std::vector<float> rows;               ///< sub-pixel, pixel centres at integers
  std::vector<float> columns;            ///< sub-pixel, like the rows
  std::vector<float> charges_adu;        ///< charge the electron left in the detector; 0: it left none
};

/// Makes frames one at a time; frame n depends on the options and n alone, so any number of threads may share one simulator.
class simulator {
 public:
  /// Draws the detector and the specimen. @throws invalid_argument
  explicit simulator(const simulation_options& options);
  ~simulator();
  /// The other may only be assigned to or destroyed.
  simulator(simulator&&) noexcept;
  /// The other may only be assigned to or destroyed.
  simulator& operator=(simulator&&) noexcept;

  /// What is simulated.
  [[nodiscard]] const simulation_options& options() const;
  /// Frame `number` of the scan into `pixels` (height * width), its electrons appended to `truth` as one more CSR row.
  void frame(std::uint64_t number, std::uint16_t* pixels, simulated_truth& truth) const;
  /// How many electrons frame `number` has, without making it.
  [[nodiscard]] std::uint32_t electrons(std::uint64_t number) const;
  /// A frame without beam; dark frames have their own random numbers.
  void dark(std::uint64_t number, std::uint16_t* pixels) const;
  /// The true dark level per pixel in ADU, and the true hot pixels.
  [[nodiscard]] const std::vector<float>& baseline_adu() const;
  /// Linear indices, ascending.
  [[nodiscard]] const std::vector<std::uint32_t>& hot_pixels() const;

 private:
  class state;
  std::unique_ptr<state> state_;
};

/// The frames of a simulated scan as a source, made when they are read.
[[nodiscard]] std::unique_ptr<frame_source> simulated_source(const simulation_options& options);
/// The first `dark_frames` dark frames that belong to it, as a scan of one row.
[[nodiscard]] std::unique_ptr<frame_source> simulated_darks(const simulation_options& options, std::uint32_t dark_frames);

/// How a simulated scan is written.
struct simulation_output {
  input_format format{"v5"};      ///< one that can be written
  std::uint64_t dark_frames = 0;  ///< written as a second scan in the same folder
  unsigned threads = 0;           ///< 0: all cores
  /// Files of these names may be a camera's: none is replaced unless the rules allow it.
  output_rules rules{existing_file::kept, {}};
  /// Called after each frame, dark frames too, with its electrons, from several threads at once. May throw to stop.
  std::function<void(std::uint64_t electrons)> frame_done;
};

/// Files that were written.
struct simulation_files {
  std::vector<std::filesystem::path> frames;  ///< of the scan
  std::vector<std::filesystem::path> darks;   ///< of the dark scan; empty without dark frames
  std::filesystem::path truth;                ///< truth.h5
};

/// Writes the scan as the camera would (data...), its darks (dark...) and its truth (truth.h5) into `directory`, made if
/// absent. Same bytes for any thread count; memory does not grow with the frames.
/// @throws invalid_argument, io_error, also as check_output()
simulation_files write_simulation(const std::filesystem::path& directory, const simulation_options& options,
                                  const simulation_output& output);

/// A truth file that stays open, for scans whose electrons would not fit into memory. Safe to read from several threads at
/// once.
class truth_reader {
 public:
  truth_reader() = default;
  truth_reader(const truth_reader&) = delete;
  truth_reader& operator=(const truth_reader&) = delete;
  virtual ~truth_reader() = default;

  /// What was simulated.
  [[nodiscard]] virtual const simulation_options& options() const = 0;
  /// Electrons of all frames.
  [[nodiscard]] virtual std::uint64_t electrons() const = 0;
  /// Electrons of frames [first, first + count); indptr starts at 0. @throws io_error, invalid_argument.
  [[nodiscard]] virtual simulated_truth read(std::uint64_t first, std::size_t count) const = 0;
};

/// @throws io_error, format_error.
[[nodiscard]] std::unique_ptr<truth_reader> open_truth(const std::filesystem::path& path);

/// All electrons of a truth file. @throws io_error, format_error.
[[nodiscard]] simulated_truth load_truth(const std::filesystem::path& path);

}  // namespace countem
