// The average of dark frames and the pixels that it shows to be bad.
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "host/engine/dark_mask.hpp"
#include "host/engine/pixel_values.hpp"
#include "host/engine/threads.hpp"

namespace countem {

namespace {

constexpr std::size_t batch_bytes = std::size_t{32} << 20;

/// Sums over the frames in which one pixel arrived with a finite value, from its first value on. They are exact for integer
/// detectors, and for the others always added in the order of the frames.
struct pixel_sums {
  double first = 0;
  double sum = 0;
  double squares = 0;
  std::uint32_t count = 0;

  void add(double value) {
    if (!std::isfinite(value)) return;
    if (count == 0) first = value;
    const double difference = value - first;
    sum += difference;
    squares += difference * difference;
    ++count;
  }
  [[nodiscard]] double mean() const { return count == 0 ? 0 : (first * count + sum) / count; }
  [[nodiscard]] double sigma() const {
    if (count < 2) return std::numeric_limits<double>::quiet_NaN();
    return std::sqrt(std::max(0.0, squares - sum * sum / count) / (count - 1));
  }
};

/// Adds all frames up: one thread works on a row of many frames at a time, so that its sums stay in the cache and are added in
/// the order of the frames whatever the number of threads. Returns the frames that arrived.
std::uint64_t add_frames(const frame_source& darks, unsigned threads, std::vector<pixel_sums>& sums) {
  const source_info& info = darks.info();
  const std::uint64_t total = info.scan.frames();
  const std::uint64_t frame_bytes = info.shape.pixels() * size_of(info.type);
  const std::uint64_t per_batch = std::clamp<std::uint64_t>(batch_bytes / frame_bytes, 1, 256);
  std::uint64_t arrived = 0;
  frame_batch batch;
  for (std::uint64_t first = 0; first < total; first += per_batch) {
    darks.read(first, static_cast<std::size_t>(std::min(per_batch, total - first)), batch);
    for (const frame_view& frame : batch.frames) arrived += frame.present != 0;
    engine::run_with(threads, [&] {
      oneapi::tbb::parallel_for(std::uint32_t{0}, info.shape.height, [&](std::uint32_t row) {
        for (const frame_view& frame : batch.frames) {
          if (frame.present == 0) continue;
          pixel_sums* const row_sums = sums.data() + std::size_t{row} * info.shape.width;
          engine::visit_row(frame, row, [row_sums](std::uint32_t column, double value) { row_sums[column].add(value); });
        }
      });
    });
  }
  return arrived;
}

std::int32_t in_charge_units(double adu) {
  return static_cast<std::int32_t>(std::clamp<double>(std::nearbyint(charge_units_per_adu * adu), -charge_limit, charge_limit));
}

}  // namespace

dark_reference average_darks(const frame_source& darks, unsigned threads) {
  const source_info& info = darks.info();
  dark_reference average;
  average.shape = info.shape;
  average.files = info.files;
  average.issues = info.issues;
  std::vector<pixel_sums> sums(info.shape.pixels());
  average.frames = add_frames(darks, threads, sums);
  if (average.frames == 0) {
    throw format_error((info.files.empty() ? std::string() : info.files.front().path.string() + ": ") + "none of the " +
                       std::to_string(info.scan.frames()) + " dark frames arrived: there is nothing to average");
  }
  engine::dark_statistics statistics;
  statistics.shape = info.shape;
  statistics.integer = info.type != pixel_type::f32;
  for (const pixel_sums& pixel : sums) {
    average.mean16.push_back(in_charge_units(pixel.mean()));
    statistics.count.push_back(pixel.count);
    statistics.mean_adu.push_back(static_cast<float>(pixel.mean()));
    statistics.sigma_adu.push_back(static_cast<float>(pixel.sigma()));
  }
  average.mask = engine::mask_from(statistics, threads);
  for (std::size_t pixel = 0; pixel < info.masked.size(); ++pixel)
    if (info.masked[pixel] != 0) average.mask[pixel] |= mask_given;
  // One frame shows no temporal noise.
  if (average.frames > 1) average.sigma_adu = std::move(statistics.sigma_adu);
  return average;
}

}  // namespace countem
