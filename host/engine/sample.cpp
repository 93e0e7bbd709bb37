#include "host/engine/sample.hpp"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <tuple>
#include <utility>

#include <countem/counting.hpp>

#include "host/engine/threads.hpp"
#include "kernels/cpu/charges.hpp"
#include "kernels/cpu/peak_scores.hpp"

namespace countem::engine {

namespace {

constexpr std::uint64_t charges_kept = std::uint64_t{1} << 20;

/// Keeps the first exception of several threads.
class first_exception {
 public:
  /// Runs `work` unless an exception was kept before.
  template <class Work>
  void guard(const Work& work) {
    if (happened_) return;
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!happened_) thrown_ = std::current_exception();
      happened_ = true;
    }
  }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> happened_{false};
  std::exception_ptr thrown_;
};

/// Reduces over frames. The tree of the reduction depends on their number alone, so that rounding is the same for any number of
/// threads. TBB frees parts of the tree twice after an exception: none reaches it, so partial results are pointers, whose
/// copies need no memory.
template <class Result, class AddFrame, class Join>
Result reduce_frames(unsigned threads, const std::vector<std::uint64_t>& frames, const Result& empty, const AddFrame& add,
                     const Join& join) {
  using range = oneapi::tbb::blocked_range<std::size_t>;
  using partial = std::shared_ptr<Result>;
  first_exception failure;
  const auto add_range = [&](const range& part, partial result) {
    failure.guard([&] {
      if (!result) result = std::make_shared<Result>(empty);
      for (std::size_t i = part.begin(); i < part.end(); ++i) add(frames[i], *result);
    });
    return result;
  };
  const auto join_partials = [&](partial into, const partial& other) {
    if (!into || !other) return into ? into : other;
    failure.guard([&] { join(*into, *other); });
    return into;
  };
  const partial reduced = run_with(threads, [&] {
    return oneapi::tbb::parallel_deterministic_reduce(range(0, frames.size()), partial(), add_range, join_partials);
  });
  failure.rethrow();
  return reduced ? std::move(*reduced) : empty;
}

void join_statistics(charge_statistics& into, const charge_statistics& other) {
  into.count += other.count;
  into.sum += other.sum;
  into.squares += other.squares;
  into.lowest = std::min(into.lowest, other.lowest);
  into.highest = std::max(into.highest, other.highest);
  into.some.insert(into.some.end(), other.some.begin(), other.some.end());
}

std::vector<std::uint8_t> which_arrived(const frame_source& source, const std::vector<std::uint64_t>& frames,
                                        unsigned threads) {
  std::vector<std::uint8_t> arrived(frames.size());
  run_with(threads, [&] {
    oneapi::tbb::enumerable_thread_specific<frame_batch> batches;
    oneapi::tbb::parallel_for(std::size_t{0}, frames.size(), [&](std::size_t i) {
      frame_batch& batch = batches.local();
      source.read(frames[i], 1, batch);
      arrived[i] = batch.frames.front().present;
    });
  });
  return arrived;
}

}  // namespace

std::vector<std::uint64_t> draw_frames(const frame_source& frames, std::uint32_t wanted, std::uint64_t seed, unsigned threads) {
  const std::uint64_t total = frames.info().scan.frames();
  std::vector<std::uint64_t> drawn;
  if (total == 0) return drawn;
  // Steps of the golden ratio: any number of them spreads evenly over the scan, and a step without a common divisor with the
  // number of frames comes by every frame once. Missing frames are passed by.
  auto step = static_cast<std::uint64_t>(static_cast<double>(total) * 0.6180339887498949);
  while (std::gcd(step, total) != 1) ++step;
  std::mt19937_64 random(seed);
  std::uint64_t frame = random() % total;
  for (std::uint64_t tried = 0; tried < total && drawn.size() < wanted;) {
    // As many as are wanted, in the hope that all arrived; then at least some at a time.
    constexpr std::uint64_t fewest = 64;
    const std::uint64_t missing = wanted - drawn.size();
    const std::uint64_t most = tried == 0 ? missing : std::max(missing, fewest);
    std::vector<std::uint64_t> candidates;
    for (; tried < total && candidates.size() < most; ++tried) {
      candidates.push_back(frame);
      frame = frame >= total - step ? frame - (total - step) : frame + step;
    }
    const std::vector<std::uint8_t> arrived = which_arrived(frames, candidates, threads);
    for (std::size_t i = 0; i < candidates.size() && drawn.size() < wanted; ++i) {
      if (arrived[i] != 0) drawn.push_back(candidates[i]);
    }
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

void charge_statistics::add(std::span<const std::int32_t> charges) {
  // In stretches whose sums stay within 64 bits.
  constexpr std::size_t longest = 4096;
  for (std::size_t start = 0; start < charges.size(); start += longest) {
    const std::span<const std::int32_t> stretch = charges.subspan(start, std::min(longest, charges.size() - start));
    std::int32_t lowest_here = std::numeric_limits<std::int32_t>::max();
    std::int32_t highest_here = no_charge;
    std::uint32_t count_here = 0;
    std::int64_t sum_here = 0;
    for (const std::int32_t charge : stretch) {
      const bool there = charge != no_charge;
      lowest_here = std::min(lowest_here, there ? charge : std::numeric_limits<std::int32_t>::max());
      highest_here = std::max(highest_here, charge);
      count_here += there ? 1 : 0;
      sum_here += there ? charge : 0;
    }
    if (count_here == 0) continue;
    lowest = std::min(lowest, lowest_here);
    highest = std::max(highest, highest_here);
    count += count_here;
    sum += static_cast<double>(sum_here);
    constexpr std::int32_t squares_fit = 1 << 25;
    if (lowest_here > -squares_fit && highest_here < squares_fit) {
      std::uint64_t squares_here = 0;
      for (const std::int32_t charge : stretch) {
        const auto magnitude = static_cast<std::uint32_t>(charge == no_charge ? 0 : std::abs(charge));
        squares_here += std::uint64_t{magnitude} * magnitude;
      }
      squares += static_cast<double>(squares_here);
    } else {
      for (const std::int32_t charge : stretch) {
        if (charge != no_charge) squares += static_cast<double>(charge) * static_cast<double>(charge);
      }
    }
  }
}

double charge_statistics::mean() const {
  return sum / static_cast<double>(count);
}

double charge_statistics::sigma() const {
  if (count < 2) return 0;
  const double centred = squares - sum * mean();
  return std::sqrt(std::max(0.0, centred) / static_cast<double>(count - 1));
}

charge_sample::charge_sample(const frame_source& source, const calibration& calibrated, std::vector<std::uint64_t> frames,
                             unsigned threads, background_method background)
    : source_(source), calibrated_(calibrated), frames_(std::move(frames)), threads_(threads), background_(background) {}

std::vector<std::int32_t> charge_sample::charges_of(std::uint64_t frame) const {
  frame_batch batch;
  source_.read(frame, 1, batch);
  std::vector<std::int32_t> charges = cpu::charges(batch.frames.front(), calibrated_);
  if (background_ == background_method::frame) cpu::subtract_shift(charges, shape());
  return charges;
}

void charge_sample::for_each(const std::function<void(std::size_t, std::span<const std::int32_t>)>& visit) const {
  first_exception failure;
  run_with(threads_, [&] {
    oneapi::tbb::parallel_for(std::size_t{0}, frames_.size(),
                              [&](std::size_t i) { failure.guard([&] { visit(i, charges_of(frames_[i])); }); });
  });
  failure.rethrow();
}

charge_statistics charge_sample::statistics() const {
  const std::uint64_t pixels = source_.info().shape.pixels();
  // Odd, so that it does not fall on the same columns of every row.
  const std::uint64_t stride = pixels * frames_.size() / charges_kept | 1U;
  const auto add = [&](std::uint64_t frame, charge_statistics& result) {
    const std::vector<std::int32_t> charges = charges_of(frame);
    result.add(charges);
    for (std::uint64_t pixel = frame % stride; pixel < charges.size(); pixel += stride) {
      if (charges[pixel] != no_charge) result.some.push_back(charges[pixel]);
    }
  };
  return reduce_frames(threads_, frames_, charge_statistics{}, add, join_statistics);
}

void charge_sample::fill(charge_histogram& histogram, charge_tails& tails) const {
  using both = std::pair<charge_histogram, charge_tails>;
  const auto add = [&](std::uint64_t frame, both& result) {
    for (const std::int32_t charge : charges_of(frame)) {
      if (charge == no_charge) continue;
      result.first.add(charge);
      result.second.add(charge);
    }
  };
  const auto join = [](both& into, const both& other) {
    into.first.merge(other.first);
    into.second.merge(other.second);
  };
  std::tie(histogram, tails) = reduce_frames(threads_, frames_, both(histogram, tails), add, join);
  tails.cumulate();
}

peak_tails charge_sample::peaks(peak_value value, const gaussian& noise, std::int32_t candidate16, std::int32_t xray16,
                                std::int32_t highest) const {
  const std::int64_t mirror = std::llrint(2 * noise.mean);
  const auto mirrored = [&](std::int32_t charge) {
    return charge == no_charge
               ? no_charge
               : static_cast<std::int32_t>(std::clamp<std::int64_t>(mirror - charge, -charge_limit, charge_limit));
  };
  const frame_shape shape = source_.info().shape;
  const auto value_of = [&](const cpu::image_peak& peak) { return value == peak_value::charge ? peak.charge : peak.score; };
  const auto add = [&](std::uint64_t frame, peak_tails& result) {
    std::vector<std::int32_t> charges = charges_of(frame);
    for (const cpu::image_peak& peak : cpu::find_peaks(charges, shape, candidate16, xray16)) result.add(value_of(peak));
    std::transform(charges.begin(), charges.end(), charges.begin(), mirrored);
    for (const cpu::image_peak& peak : cpu::find_peaks(charges, shape, candidate16, xray16))
      result.add_mirrored(value_of(peak));
  };
  const auto join = [](peak_tails& into, const peak_tails& other) { into.merge(other); };
  peak_tails found = reduce_frames(threads_, frames_, peak_tails(highest), add, join);
  found.cumulate();
  return found;
}

}  // namespace countem::engine
