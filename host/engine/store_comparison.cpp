#include <countem/store_comparison.hpp>

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <utility>
#include <vector>

#include <countem/batch_frames.hpp>
#include <countem/stop.hpp>
#include <countem/work.hpp>

#include "host/engine/threads.hpp"
#include "threads/ahead.hpp"

namespace countem {

namespace {

constexpr std::uint64_t frames_at_once = 1024;

/// Frames and what they are compared with.
struct compared_frames {
  event_batch events;
  simulated_truth truth;
};

class store_comparer {
 public:
  store_comparer(const event_store& counted, const reference_electrons& truth, const store_comparison_options& options)
      : counted_(counted), truth_(truth), options_(options) {
    const std::uint64_t frames = counted.frames();
    if (frames == 0 || !has_spectrum(truth.detector)) return;
    const std::uint64_t most =
        options.spectrum_frames == 0 ? enough_spectrum_frames(truth.electrons, frames) : options.spectrum_frames;
    sums_.emplace(truth.detector, frames, most);
  }

  [[nodiscard]] store_comparison run() {
    const std::uint64_t frames = counted_.frames();
    work comparing("comparing", "frames", frames);
    compared_frames now;
    compared_frames next;
    std::uint64_t first = 0;
    std::uint64_t end = frames == 0 ? 0 : load(0, now);
    std::uint64_t following = 0;
    ahead reading(options_.threads);
    for (; first < end; first = std::exchange(end, following)) {
      following = end;
      if (end < frames) reading.start([&] { following = end + load(end, next); });
      compare(now);
      comparing.advance(end - first);
      reading.wait();
      std::swap(now, next);
    }
    if (sums_) found_.spectrum = sums_->spectrum();
    return found_;
  }

 private:
  /// So many that what they are compared with is read at a time, which may be far more than the events.
  [[nodiscard]] std::uint64_t most_frames() const {
    constexpr std::uint64_t enough_electrons = std::uint64_t{1} << 20U;
    const std::uint64_t a_frame = truth_.electrons / counted_.frames() + 1;
    return std::clamp<std::uint64_t>(enough_electrons / a_frame, 1, frames_at_once);
  }

  /// Returns how many frames were read.
  std::uint64_t load(std::uint64_t first, compared_frames& into) const {
    const std::uint64_t count = batch_frames(counted_.counts(), first, most_frames(), options_.threads);
    counted_.read(first, static_cast<std::size_t>(count), into.events, options_.threads);
    into.events.first_frame = first;
    into.truth = truth_.read(first, static_cast<std::size_t>(count));
    return count;
  }

  /// Frames are compared in any order and added in theirs, so that sums of floating-point numbers are always the same.
  void compare(const compared_frames& both) {
    const store_description& described = counted_.description();
    const std::uint32_t upsample = described.options.upsample;
    std::vector<comparison> of_frames(both.events.frames());
    engine::run_with(options_.threads, [&] {
      tbb::parallel_for(std::size_t{0}, of_frames.size(), [&](std::size_t frame) {
        check_stop();
        of_frames[frame] = compare_frame(both.events, frame, described.shape, upsample, both.truth, options_.pairs);
      });
      if (!sums_) return;
      tbb::parallel_for(std::size_t{0}, detective_efficiency::groups,
                        [&](std::size_t group) { sums_->add(both.events, described.shape, upsample, both.truth, group); });
    });
    for (const comparison& of_frame : of_frames) found_.pairs.add(of_frame);
  }

  const event_store& counted_;
  const reference_electrons& truth_;
  const store_comparison_options& options_;
  std::optional<detective_efficiency> sums_;
  store_comparison found_;
};

}  // namespace

store_comparison compare_store(const event_store& counted, const reference_electrons& truth,
                               const store_comparison_options& options) {
  return store_comparer(counted, truth, options).run();
}

}  // namespace countem
