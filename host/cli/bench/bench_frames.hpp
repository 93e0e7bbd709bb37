#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <countem/choices.hpp>
#include <countem/counting.hpp>
#include <countem/frame.hpp>
#include <countem/simulate.hpp>

namespace countem::cli {

/// What the frames of a bench are counted with.
enum class bench_calibration : std::uint8_t {
  threshold,         ///< one threshold for all pixels on the raw scale, no dark
  dark,              ///< dark reference and hot pixel mask
  gain,              ///< and a gain reference
  pixel_thresholds,  ///< dark reference, mask and a threshold for each pixel
};

}  // namespace countem::cli

template <>
struct countem::choice_table<countem::cli::bench_calibration> {
  using value = cli::bench_calibration;
  static constexpr std::string_view what = "calibration to measure with";
  static constexpr std::array<choice<value>, 4> entries{
      {{value::threshold, "threshold", "one threshold"},
       {value::dark, "dark", "dark reference"},
       {value::gain, "gain", "dark and gain reference"},
       {value::pixel_thresholds, "pixel-thresholds", "a threshold per pixel"}}};
};

namespace countem::cli {

/// Calls work(first, last) on each of `threads` threads with its even share of [0, items) and returns the seconds from when all
/// these threads are running until all are done.
double run_shared(unsigned threads, std::uint64_t items, const std::function<void(std::uint64_t, std::uint64_t)>& work);

/// Simulated frames in memory: `distinct` different ones, repeated until there are `frames`, so that the buffer is as large as
/// one wants while the simulation stays short.
class bench_frames {
 public:
  bench_frames(const simulation_options& options, std::uint64_t distinct, std::uint64_t frames, unsigned threads);

  [[nodiscard]] const std::vector<frame_view>& views() const { return batch_.frames; }
  [[nodiscard]] std::uint64_t distinct() const { return distinct_; }
  [[nodiscard]] std::size_t bytes() const { return views().size() * bytes_per_frame(); }
  [[nodiscard]] std::size_t bytes_per_frame() const { return simulated_.options().frame.pixels() * sizeof(std::uint16_t); }

  /// The simulated detector's true dark, hot pixels and noise as a calibration: background at 4.5 sigma, X-rays at 175.
  [[nodiscard]] counting_setup setup(bench_calibration kind, const counting_options& options) const;

  /// Seconds that `threads` threads take to sum frames [first, last): the floor of anything that reads every pixel once.
  [[nodiscard]] double streaming_read_seconds(unsigned threads, std::uint64_t first, std::uint64_t last) const;

 private:
  simulator simulated_;
  std::uint64_t distinct_;
  frame_batch batch_;
};

}  // namespace countem::cli
