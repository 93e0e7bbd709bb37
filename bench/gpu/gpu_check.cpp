// Checks the cuda backend against the reference on random frames and events, then measures it. Prints one JSON object, and a
// table on stderr.
//   gpu_check [--cases N] [--no-timing] [--quick] [--occupancy X]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>
#include <countem/version.hpp>

#include "bench/gpu/streaming_read.hpp"
#include "tests/parity/parity_case.hpp"
#include "tests/parity/reduction_case.hpp"

namespace {

using namespace countem;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

constexpr frame_shape camera{576, 576};

/// What differs from the reference, counted twice: memory that one call leaves behind must not show in the next.
std::string counting_difference(const parity::parity_case& drawn) {
  const auto tested = cuda::make_counter(drawn.setup);
  std::string differs = parity::compare_with_reference(drawn, *tested);
  if (differs.empty()) differs = parity::compare_with_reference(drawn, *tested);
  return differs.empty() ? differs : differs + describe(drawn);
}

std::string first_counting_difference(std::uint64_t cases) {
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    const std::string differs = counting_difference(parity::random_case(seed));
    if (!differs.empty()) return "case " + std::to_string(seed) + ": " + differs;
  }
  for (const std::uint32_t length : {1U, 7U, 8U, 31U, 32U, 33U, 64U, 65U, 130U}) {
    for (int kind = 0; kind < static_cast<int>(parity::content::count_); ++kind) {
      const std::string differs =
          counting_difference(parity::plain_case({length, 131 - length}, static_cast<parity::content>(kind), 0.1, length));
      if (!differs.empty()) return "content " + std::to_string(kind) + ": " + differs;
    }
  }
  return {};
}

std::string first_difference_in_camera_frames() {
  for (const double occupancy : {0.0, 0.0001, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5}) {
    const std::string differs = counting_difference(parity::plain_case(camera, parity::content::clouds, occupancy, 7));
    if (!differs.empty()) return "occupancy " + std::to_string(occupancy) + ": " + differs;
  }
  for (const auto kind : {parity::content::full, parity::content::spiral, parity::content::comb, parity::content::stripes}) {
    parity::parity_case drawn = parity::plain_case(camera, kind, 0, 3);
    drawn.setup.options.upsample = 4;
    const std::string differs = counting_difference(drawn);
    if (!differs.empty()) return "components as large as the frame: " + differs;
  }
  return {};
}

std::string first_difference_in_reductions(std::uint64_t cases) {
  const auto reducer = cuda::make_reducer();
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    const parity::reduction_case drawn = parity::random_reduction_case(seed);
    const std::string differs = parity::compare_with_reference(drawn, view_of(drawn.batch, drawn.shape), *reducer);
    if (!differs.empty()) return "reductions, case " + std::to_string(seed) + ": " + differs;
  }
  return {};
}

/// Batches that are reduced on the device before their events leave it.
std::string first_difference_in_live_reductions() {
  parity::parity_case drawn = parity::plain_case(camera, parity::content::clouds, 0.01, 9);
  drawn.frames.resize(20, drawn.frames.front());
  cuda::device_options options;
  options.batch_frames = 3;
  std::vector<std::uint64_t> sum(camera.pixels());
  const auto counting =
      cuda::make_counter(drawn.setup, options, [&](const event_batch&, event_reducer& on_device) { on_device.add_sum(sum); });
  event_batch found;
  counting->count(drawn.frames, found);
  std::vector<std::uint64_t> expected(camera.pixels());
  const auto reference = reference::make_reducer();
  reference->load(view_of(found, camera));
  reference->add_sum(expected);
  return sum == expected ? std::string() : "the sum of batches reduced as they were counted";
}

/// The first difference from the reference; empty when there is none.
std::string first_difference(std::uint64_t cases, bool quick) {
  for (const auto& check :
       {std::function<std::string()>([=] { return first_counting_difference(cases); }),
        std::function<std::string()>([=] { return quick ? std::string() : first_difference_in_camera_frames(); }),
        std::function<std::string()>([=] { return first_difference_in_reductions(cases); }),
        std::function<std::string()>(first_difference_in_live_reductions)}) {
    std::string differs = check();
    if (!differs.empty()) return differs;
  }
  return {};
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct counting_rates {
  double occupancy = 0;
  std::size_t batch_frames = 0;
  double events_per_frame = 0;
  double upload_gigabytes_per_s = 0;  ///< pinned memory to the device
  double counted_frames_per_s = 0;    ///< frames that lie on the device already
  double counted_gigabytes_per_s = 0;
  double whole_frames_per_s = 0;  ///< from pageable host memory to events in host memory, one host thread
  double reference_frames_per_s = 0;
};

/// 576 x 576 u16, method cluster; results are compared with the reference before anything is timed.
counting_rates measure_counting(double occupancy, std::size_t batch_frames) {
  std::vector<parity::parity_case> drawn;
  std::vector<frame_view> different;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    drawn.push_back(parity::plain_case(camera, parity::content::clouds, occupancy, seed));
    different.push_back(drawn.back().frames.front());
  }
  counting_setup setup = drawn.front().setup;
  setup.options.values = event_value::none;
  cuda::device_options options;
  options.timed = true;
  options.batches_in_flight = 3;
  options.batch_frames = batch_frames;
  const auto counting = cuda::make_batch_counter(setup, options);
  std::vector<frame_view> batch;
  for (std::size_t f = 0; f < counting->batch_frames(); ++f) batch.push_back(different[f % different.size()]);

  counting_rates measured;
  measured.occupancy = occupancy;
  measured.batch_frames = batch.size();
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

  const int rounds = batch.size() > 200 ? 20 : 60;
  std::vector<double> upload;
  std::vector<double> count;
  const auto start = clock_type::now();
  for (int round = 0; round < rounds; ++round) {
    while (counting->in_flight() < options.batches_in_flight) counting->submit(batch);
    counting->collect(found);
    upload.push_back(counting->times().upload_ms);
    count.push_back(counting->times().count_ms);
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

/// Millions of events per second from the call of a stage to its result in host memory; the events lie on the device already.
struct reduction_rates {
  double occupancy = 0;
  double load = 0, sum = 0, maximum = 0, detectors = 0, weighted = 0, moments = 0, second_moments = 0, within = 0;
  double radial = 0, bin = 0, crop = 0;
  double virtual_frames_per_s = 0;
};

reduction_rates measure_reductions(double occupancy) {
  constexpr std::size_t frames = 4096;
  const auto per_frame = static_cast<std::size_t>(occupancy * static_cast<double>(camera.pixels()));
  event_batch batch;
  std::uint64_t state = 1;
  for (std::size_t f = 0; f < frames; ++f) {
    for (std::size_t i = 0; i < per_frame; ++i) {
      state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
      batch.indices.push_back(static_cast<std::uint32_t>((state >> 32) % camera.pixels()));
    }
    std::sort(batch.indices.end() - static_cast<std::ptrdiff_t>(per_frame), batch.indices.end());
    batch.indptr.push_back(batch.indices.size());
  }
  const event_view events = view_of(batch, camera);
  const std::vector<virtual_detector> detectors{parse_detector("annulus:60,200"), parse_detector("disk:40")};
  const detector_masks masks = make_masks(detectors, camera, middle_of(camera));
  const detector_masks aperture = make_masks(std::span(detectors).first(1), camera, middle_of(camera));
  const weight_image weights = make_weights(std::vector<float>(camera.pixels(), 1.5F), camera);
  const ring_map rings = make_rings(camera, middle_of(camera));
  const auto reducer = cuda::make_reducer();
  const auto rate = [&](auto stage) {
    std::vector<double> seconds;
    for (int round = 0; round < 5; ++round) {
      const auto start = clock_type::now();
      stage();
      seconds.push_back(seconds_since(start));
    }
    return static_cast<double>(batch.indices.size()) / median(seconds) / 1e6;
  };
  std::vector<std::uint64_t> image(camera.pixels());
  std::vector<std::uint32_t> most(camera.pixels());
  std::vector<std::uint32_t> inside(detectors.size() * frames);
  std::vector<std::int64_t> weighted(frames);
  std::vector<event_moments> moments(frames);
  std::vector<event_second_moments> second(frames);
  std::vector<std::uint32_t> radial(frames * rings.rings);
  event_batch out;
  reduction_rates measured;
  measured.occupancy = occupancy;
  measured.load = rate([&] { reducer->load(events); });
  measured.sum = rate([&] { reducer->add_sum(image); });
  measured.maximum = rate([&] { reducer->raise_maximum(most); });
  measured.detectors = rate([&] { reducer->virtual_counts(masks, inside); });
  measured.weighted = rate([&] { reducer->weighted_counts(weights, weighted); });
  measured.moments = rate([&] { reducer->moments(moments); });
  measured.second_moments = rate([&] { reducer->second_moments(second); });
  measured.within = rate([&] { reducer->second_moments(aperture, second); });
  measured.radial = rate([&] { reducer->radial_counts(rings, radial); });
  measured.bin = rate([&] { reducer->bin(4, out); });
  measured.crop = rate([&] { reducer->crop({100, 100, {300, 300}}, out); });
  measured.virtual_frames_per_s = measured.detectors * 1e6 / static_cast<double>(per_frame);
  return measured;
}

void print(const counting_rates& one, bool last) {
  std::fprintf(stderr, "%9.4f %6zu %9.1f %9.2f %12.0f %9.1f %10.0f %9.1f\n", one.occupancy, one.batch_frames,
               one.events_per_frame, one.upload_gigabytes_per_s, one.counted_frames_per_s, one.counted_gigabytes_per_s,
               one.whole_frames_per_s, one.reference_frames_per_s);
  std::printf(
      "    {\"occupancy\": %g, \"batch_frames\": %zu, \"events_per_frame\": %.1f, \"upload_gigabytes_per_s\": %.2f, "
      "\"counted_frames_per_s\": %.0f, \"counted_gigabytes_per_s\": %.2f, \"whole_frames_per_s\": %.0f, "
      "\"reference_frames_per_s\": %.1f}%s\n",
      one.occupancy, one.batch_frames, one.events_per_frame, one.upload_gigabytes_per_s, one.counted_frames_per_s,
      one.counted_gigabytes_per_s, one.whole_frames_per_s, one.reference_frames_per_s, last ? "" : ",");
}

void print(const reduction_rates& one, bool last) {
  std::fprintf(stderr, "%9.4f %7.0f %7.0f %7.0f %9.0f %8.0f %7.0f %7.0f %7.0f %7.0f\n", one.occupancy, one.load, one.sum,
               one.maximum, one.detectors, one.weighted, one.moments, one.radial, one.bin, one.crop);
  std::printf(
      "    {\"occupancy\": %g, \"load\": %.0f, \"sum\": %.0f, \"maximum\": %.0f, \"two_virtual_detectors\": %.0f, "
      "\"weighted\": %.0f, "
      "\"moments\": %.0f, \"second_moments\": %.0f, \"second_moments_within\": %.0f, \"radial\": %.0f, \"bin_4\": %.0f, "
      "\"crop\": %.0f, \"virtual_frames_per_s\": %.0f}%s\n",
      one.occupancy, one.load, one.sum, one.maximum, one.detectors, one.weighted, one.moments, one.second_moments, one.within,
      one.radial, one.bin, one.crop, one.virtual_frames_per_s, last ? "" : ",");
}

struct arguments {
  std::uint64_t cases = 300;
  bool timed = true;
  bool quick = false;  ///< no camera frames: under a tool that slows kernels down a hundredfold
  std::vector<double> occupancies{0.0, 0.001, 0.01, 0.05};
};

void measure(const arguments& wanted) {
  std::printf(
      ",\n  \"device_read_gigabytes_per_s\": %.0f,\n  \"dense_virtual_frames_per_s\": %.0f,\n  \"cluster_576x576_u16\": [\n",
      bench::device_read_gigabytes_per_s(std::size_t{4} << 30), bench::dense_virtual_frames_per_s(4096));
  std::fprintf(stderr, "counting, 576 x 576 u16, method cluster\n%9s %6s %9s %9s %12s %9s %10s %9s\n", "occupancy", "batch",
               "events/fr", "up GB/s", "on device/s", "GB/s", "whole/s", "reference/s");
  const std::vector<std::size_t> batches{0, 200, 800};
  for (std::size_t o = 0; o < wanted.occupancies.size(); ++o) {
    for (std::size_t b = 0; b < batches.size(); ++b)
      print(measure_counting(wanted.occupancies[o], batches[b]), o + 1 == wanted.occupancies.size() && b + 1 == batches.size());
  }
  std::printf("  ],\n  \"reductions_million_events_per_s\": [\n");
  std::fprintf(stderr, "reductions, million events/s to a result in host memory\n%9s %7s %7s %7s %9s %8s %7s %7s %7s %7s\n",
               "occupancy", "load", "sum", "maximum", "virtual", "weighted", "moments", "radial", "bin", "crop");
  for (const double occupancy : {0.001, 0.01}) print(measure_reductions(occupancy), occupancy == 0.01);
  std::printf("  ]");
}

int run(const arguments& wanted) {
  if (cuda::device_count() == 0) {
    std::fprintf(stderr, "gpu_check: %s\n", cuda::device_reason().c_str());
    return 5;
  }
  const std::string differs = first_difference(wanted.cases, wanted.quick);
  if (!differs.empty()) {
    std::fprintf(stderr, "gpu_check: the cuda backend differs from the reference; %s\n", differs.c_str());
    return EXIT_FAILURE;
  }
  std::printf("{\n  \"version\": \"%s\",\n  \"devices\": %u,\n  \"cases_equal_to_reference\": %llu", version,
              cuda::device_count(), static_cast<unsigned long long>(wanted.cases));
  if (wanted.timed) measure(wanted);
  std::printf("\n}\n");
  return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** given) {
  arguments wanted;
  for (int i = 1; i < count; ++i) {
    const bool has_value = i + 1 < count;
    if (std::strcmp(given[i], "--no-timing") == 0) {
      wanted.timed = false;
    } else if (std::strcmp(given[i], "--quick") == 0) {
      wanted.quick = true;
    } else if (std::strcmp(given[i], "--cases") == 0 && has_value) {
      wanted.cases = std::strtoull(given[++i], nullptr, 10);
    } else if (std::strcmp(given[i], "--occupancy") == 0 && has_value) {
      wanted.occupancies = {std::strtod(given[++i], nullptr)};
    } else {
      std::fprintf(stderr, "usage: gpu_check [--cases N] [--no-timing] [--quick] [--occupancy X]\n");
      return 2;
    }
  }
  try {
    return run(wanted);
  } catch (const error& failed) {
    std::fprintf(stderr, "gpu_check: %s\n", failed.what());
    return EXIT_FAILURE;
  }
}
