// Checks the cuda backend against the reference on random frames and events, then measures it. Prints one JSON object, and a
// table on stderr.
//   gpu_check [--cases N] [--no-timing] [--quick] [--occupancy X]
// Exit codes: 0 done, 1 a difference or a failure, 2 usage, 5 no device answers.
#include <algorithm>
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

#include "bench/gpu/counting_rates.hpp"
#include "bench/gpu/reduction_rates.hpp"
#include "bench/gpu/streaming_read.hpp"
#include "tests/parity/parity_case.hpp"
#include "tests/parity/reduction_case.hpp"

namespace {

using namespace countem;
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

struct arguments {
  std::uint64_t cases = 300;
  bool timed = true;
  bool quick = false;  ///< no camera frames, for a tool that slows kernels down a hundredfold; fewer rounds
  std::vector<double> occupancies{0.0, 0.001, 0.01, 0.05};
};

void measure(const arguments& wanted) {
  const bench::machine_rates machine = bench::measure_machine();
  bench::print(machine);
  std::printf(",\n  \"dense_virtual_frames_per_s\": %.0f,\n  \"cluster_576x576_u16\": [\n",
              bench::dense_virtual_frames_per_s(4096));
  bench::print_counting_header();
  for (const double occupancy : wanted.occupancies)
    bench::measure_counting(occupancy, machine, wanted.quick, occupancy == wanted.occupancies.back());
  std::printf("  ],\n  \"reductions_million_events_per_s\": [\n");
  bench::print_reductions_header();
  for (const double occupancy : {0.001, 0.01})
    bench::measure_reductions(occupancy, wanted.quick ? 256 : 4096, occupancy == 0.01);
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
      const bool asked = std::strcmp(given[i], "--help") == 0;
      std::fprintf(asked ? stdout : stderr, "usage: gpu_check [--cases N] [--no-timing] [--quick] [--occupancy X]\n");
      return asked ? EXIT_SUCCESS : 2;
    }
  }
  try {
    return run(wanted);
  } catch (const error& failed) {
    std::fprintf(stderr, "gpu_check: %s\n", failed.what());
    return EXIT_FAILURE;
  }
}
