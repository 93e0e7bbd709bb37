// Checks the cuda backend against the reference on random frames, then measures it. Prints one JSON object.
//   gpu_check [--cases N] [--no-timing]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>
#include <countem/version.hpp>

#include "tests/parity/parity_case.hpp"

namespace {

using namespace countem;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

/// The first difference from the reference among random cases; empty when there is none.
std::string first_difference(std::uint64_t cases) {
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    const parity::parity_case drawn = parity::random_case(seed);
    const auto tested = cuda::make_counter(drawn.setup);
    for (int call = 0; call < 2; ++call) {
      const std::string differs = parity::compare_with_reference(drawn, *tested);
      if (!differs.empty()) return "case " + std::to_string(seed) + ": " + differs + describe(drawn);
    }
  }
  for (const auto kind : {parity::content::full, parity::content::spiral, parity::content::comb}) {
    const parity::parity_case drawn = parity::plain_case({576, 576}, kind, 0, 3);
    const std::string differs = parity::compare_with_reference(drawn, *cuda::make_counter(drawn.setup));
    if (!differs.empty()) return "one large component: " + differs;
  }
  return {};
}

struct timing {
  double occupancy = 0;
  double events_per_frame = 0;
  double upload_gigabytes_per_s = 0;  ///< pinned memory to the device
  double counted_frames_per_s = 0;    ///< frames that lie on the device already
  double counted_gigabytes_per_s = 0;
  double whole_frames_per_s = 0;  ///< from pageable host memory to events in host memory
  double reference_frames_per_s = 0;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// 576 x 576 u16, method cluster; results are compared with the reference before anything is timed.
timing measure(double occupancy) {
  std::vector<parity::parity_case> drawn;
  std::vector<frame_view> different;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    drawn.push_back(parity::plain_case({576, 576}, parity::content::clouds, occupancy, seed));
    different.push_back(drawn.back().frames.front());
  }
  counting_setup setup = drawn.front().setup;
  setup.options.values = event_value::none;
  cuda::device_options options;
  options.timed = true;
  options.batches_in_flight = 3;
  const auto counting = cuda::make_batch_counter(setup, options);
  std::vector<frame_view> batch;
  for (std::size_t f = 0; f < counting->batch_frames(); ++f) batch.push_back(different[f % different.size()]);

  timing measured;
  measured.occupancy = occupancy;
  event_batch expected;
  const auto reference_start = clock_type::now();
  reference::make_counter(setup)->count(different, expected);
  measured.reference_frames_per_s = static_cast<double>(different.size()) / seconds_since(reference_start);
  event_batch found;
  counting->submit(batch);
  counting->collect(found);
  for (std::size_t f = 0; f < batch.size(); ++f) {
    if (!std::ranges::equal(found.events(f), expected.events(f % different.size())))
      throw error("a frame's events differ from the reference's");
  }

  constexpr int rounds = 100;
  std::vector<double> upload;
  std::vector<double> count;
  const auto start = clock_type::now();
  for (int round = 0; round < rounds;) {
    while (counting->in_flight() < options.batches_in_flight) counting->submit(batch);
    counting->collect(found);
    upload.push_back(counting->times().upload_ms);
    count.push_back(counting->times().count_ms);
    ++round;
  }
  const double seconds = seconds_since(start);
  const auto frames = static_cast<double>(batch.size());
  const double gigabytes = frames * static_cast<double>(setup.shape.pixels()) * 2 / 1e9;
  measured.events_per_frame = static_cast<double>(found.indices.size()) / frames;
  measured.upload_gigabytes_per_s = gigabytes / (median(upload) / 1e3);
  measured.counted_frames_per_s = frames / (median(count) / 1e3);
  measured.counted_gigabytes_per_s = gigabytes / (median(count) / 1e3);
  measured.whole_frames_per_s = rounds * frames / seconds;
  return measured;
}

void print(const timing& one, bool last) {
  std::printf(
      "    {\"occupancy\": %g, \"events_per_frame\": %.1f, \"upload_gigabytes_per_s\": %.2f, \"counted_frames_per_s\": %.0f, "
      "\"counted_gigabytes_per_s\": %.2f, \"whole_frames_per_s\": %.0f, \"reference_frames_per_s\": %.1f}%s\n",
      one.occupancy, one.events_per_frame, one.upload_gigabytes_per_s, one.counted_frames_per_s, one.counted_gigabytes_per_s,
      one.whole_frames_per_s, one.reference_frames_per_s, last ? "" : ",");
}

int run(std::uint64_t cases, bool timed) {
  if (cuda::device_count() == 0) {
    std::fprintf(stderr, "gpu_check: %s\n", cuda::device_reason().c_str());
    return 5;
  }
  const std::string differs = first_difference(cases);
  if (!differs.empty()) {
    std::fprintf(stderr, "gpu_check: the cuda backend differs from the reference; %s\n", differs.c_str());
    return EXIT_FAILURE;
  }
  std::vector<timing> timings;
  if (timed) {
    for (const double occupancy : {0.0, 0.0005, 0.001, 0.01, 0.05}) timings.push_back(measure(occupancy));
  }
  std::printf(
      "{\n  \"version\": \"%s\",\n  \"devices\": %u,\n  \"cases_equal_to_reference\": %llu,\n  \"cluster_576x576_u16\": [\n",
      version, cuda::device_count(), static_cast<unsigned long long>(cases));
  for (std::size_t i = 0; i < timings.size(); ++i) print(timings[i], i + 1 == timings.size());
  std::printf("  ]\n}\n");
  return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
  std::uint64_t cases = 300;
  bool timed = true;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--no-timing") == 0) {
      timed = false;
    } else if (std::strcmp(arguments[i], "--cases") == 0 && i + 1 < count) {
      cases = std::strtoull(arguments[++i], nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: gpu_check [--cases N] [--no-timing]\n");
      return 2;
    }
  }
  try {
    return run(cases, timed);
  } catch (const error& failed) {
    std::fprintf(stderr, "gpu_check: %s\n", failed.what());
    return EXIT_FAILURE;
  }
}
