#include "host/cli/bench/bench_frames.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

namespace countem::cli {

double run_shared(unsigned threads, std::uint64_t items, const std::function<void(std::uint64_t, std::uint64_t)>& work) {
  using clock = std::chrono::steady_clock;
  std::atomic<unsigned> ready{1};
  std::atomic<bool> started{false};
  std::vector<std::jthread> others;
  try {
    for (unsigned i = 1; i < threads; ++i) {
      others.emplace_back([&, i] {
        ++ready;
        while (!started) std::this_thread::yield();
        work(items * i / threads, items * (i + 1) / threads);
      });
    }
  } catch (...) {  // no more threads: those that wait must end
    started = true;
    throw;
  }
  while (ready < threads) std::this_thread::yield();
  const auto start = clock::now();
  started = true;
  work(0, items / threads);
  others.clear();  // waits for them
  return std::chrono::duration<double>(clock::now() - start).count();
}

bench_frames::bench_frames(const simulation_options& options, std::uint64_t distinct, std::uint64_t frames, unsigned threads)
    : simulated_(options), distinct_(std::min(distinct, frames)) {
  const std::size_t frame_bytes = bytes_per_frame();
  std::byte* memory = batch_.storage(frames * frame_bytes);
  run_shared(threads, distinct_, [&](std::uint64_t first, std::uint64_t last) {
    simulated_truth truth;
    for (std::uint64_t i = first; i < last; ++i) {
      simulated_.frame(i, reinterpret_cast<std::uint16_t*>(memory + i * frame_bytes), truth);
    }
  });
  for (std::uint64_t i = distinct_; i < frames; ++i)
    std::memcpy(memory + i * frame_bytes, memory + i % distinct_ * frame_bytes, frame_bytes);
  for (std::uint64_t i = 0; i < frames; ++i)
    batch_.frames.push_back(contiguous_frame(options.frame, pixel_type::u16, memory + i * frame_bytes));
}

counting_setup bench_frames::setup(bench_calibration kind, const counting_options& options) const {
  constexpr double background_sigmas = 4.5;
  constexpr double candidate_sigmas = 3;
  constexpr double score_sigmas = 3.7;
  constexpr double xray_sigmas = 175;
  const simulation_options& detector = simulated_.options();
  counting_setup made{detector.frame, pixel_type::u16, {}, options};
  calibration& used = made.calibrated;
  used.background16 = background_from_adu(background_sigmas * detector.noise_adu);
  if (options.method == counting_method::peaks) {
    // About what the automatic threshold finds at an occupancy of 1 %.
    used.background16 = background_from_adu(candidate_sigmas * detector.noise_adu);
    used.score16 = score_from_adu(3 * score_sigmas * detector.noise_adu);
  }
  used.xray16 = xray_from_adu(xray_sigmas * detector.noise_adu);
  if (kind == bench_calibration::threshold) {
    if (used.score16) *used.score16 += 6 * charge_units_per_adu * static_cast<std::int64_t>(std::ceil(detector.baseline_adu));
    used.background16 += charge_units_per_adu * static_cast<std::int32_t>(std::ceil(detector.baseline_adu));
    used.xray16 += charge_units_per_adu * static_cast<std::int32_t>(std::ceil(detector.baseline_adu));
    return made;
  }
  const std::size_t pixels = detector.frame.pixels();
  used.shape = detector.frame;
  for (const float dark : simulated_.baseline_adu())
    used.dark16.push_back(static_cast<std::int32_t>(std::lrint(charge_units_per_adu * dark)));
  used.mask.assign(pixels, 0);
  for (const std::uint32_t hot : simulated_.hot_pixels()) used.mask[hot] = mask_hot;
  // A few per cent from pixel to pixel, in a pattern that repeats nowhere near.
  const auto spread = [](std::size_t pixel) { return static_cast<double>(pixel * 2654435761U % 1024) / 1024 - 0.5; };
  for (std::size_t p = 0; p < pixels; ++p) {
    if (kind == bench_calibration::gain) used.gain.push_back(static_cast<float>(1 + 0.06 * spread(p)));
    if (kind == bench_calibration::pixel_thresholds) {
      used.pixel_background16.push_back(used.background16 + static_cast<std::int32_t>(std::lrint(8 * spread(p))));
    }
  }
  return made;
}

}  // namespace countem::cli
