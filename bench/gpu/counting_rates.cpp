#include "bench/gpu/counting_rates.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>

#include "bench/gpu/peers/thrust_counting.hpp"
#include "bench/gpu/streaming_read.hpp"
#include "host/cli/bench/bench_frames.hpp"
#include "host/cli/bench/median.hpp"

namespace countem::bench {

namespace {

using clock_type = std::chrono::steady_clock;
using cli::bench_calibration;
using cli::bench_frames;

constexpr std::size_t most_frames = 800;
/// Different frames among them, as in `countem bench count`.
constexpr std::uint64_t distinct_frames = 200;

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

struct counting_rates {
  std::size_t batch_frames = 0;
  double events_per_frame = 0;
  double upload_gigabytes_per_s = 0;  ///< pinned memory to the device, while other batches are counted
  double counted_frames_per_s = 0;    ///< frames that lie on the device already
  double pinned_frames_per_s = 0;     ///< from pinned memory to events in host memory
  double pageable_frames_per_s = 0;   ///< the same from ordinary memory, one host thread
};

/// The events of each different frame, by the reference.
std::vector<event_batch> expected_events(const bench_frames& frames, const counting_setup& setup) {
  std::vector<event_batch> expected(frames.distinct());
  cli::run_shared(std::max(1U, std::thread::hardware_concurrency()), frames.distinct(),
                  [&](std::uint64_t first, std::uint64_t last) {
                    const auto counting = reference::make_counter(setup);
                    for (std::uint64_t f = first; f < last; ++f)
                      counting->count(std::span(frames.views()).subspan(f, 1), expected[f]);
                  });
  return expected;
}

void require_equal(const event_batch& found, const std::vector<event_batch>& expected) {
  for (std::size_t f = 0; f < found.frames(); ++f) {
    const event_batch& right = expected[f % expected.size()];
    if (std::ranges::equal(found.events(f), right.indices) && found.xrays[f] == right.xrays[0]) continue;
    throw error("frame " + std::to_string(f) + " of the bench: its events differ from the reference's");
  }
}

/// The frames of a bench as they lie in memory that the counter provides, one after the other.
std::vector<frame_view> copied_to(frame_batch& batch, std::span<const frame_view> frames, std::size_t bytes_per_frame) {
  std::byte* const memory = batch.storage(frames.size() * bytes_per_frame);
  std::vector<frame_view> copied;
  for (std::size_t f = 0; f < frames.size(); ++f) {
    std::memcpy(memory + f * bytes_per_frame, frames[f].bands[0], bytes_per_frame);
    copied.push_back(contiguous_frame(frames[f].shape, frames[f].type, memory + f * bytes_per_frame));
  }
  return copied;
}

counting_rates measure_batches(const bench_frames& frames, const counting_setup& setup,
                               const std::vector<event_batch>& expected, std::size_t batch_frames, bool quick) {
  cuda::device_options options;
  options.timed = true;
  options.batches_in_flight = 3;
  options.batch_frames = batch_frames;
  const auto counting = cuda::make_batch_counter(setup, options);
  const auto ordinary = std::span(frames.views()).first(std::min(counting->batch_frames(), frames.views().size()));
  frame_batch pinned(counting->frame_memory());
  const std::vector<frame_view> batch = copied_to(pinned, ordinary, frames.bytes_per_frame());

  event_batch found;
  counting->submit(batch);
  counting->collect(found);
  require_equal(found, expected);

  counting_rates measured;
  std::vector<double> upload_ms;
  std::vector<double> count_ms;
  const int rounds = (batch.size() > 200 ? 20 : 60) / (quick ? 4 : 1);
  const auto frames_per_s = [&](std::span<const frame_view> from, bool in_parts) {
    const auto start = clock_type::now();
    int submitted = 0;
    for (int collected = 0; collected < rounds; ++collected) {
      for (; submitted < rounds && counting->in_flight() < options.batches_in_flight; ++submitted) counting->submit(from);
      counting->collect(found);
      if (!in_parts) continue;
      upload_ms.push_back(counting->times().upload_ms);
      count_ms.push_back(counting->times().count_ms);
    }
    const double seconds = seconds_since(start);
    return rounds * static_cast<double>(from.size()) / seconds;
  };
  measured.pinned_frames_per_s = frames_per_s(batch, true);
  measured.pageable_frames_per_s = frames_per_s(ordinary, false);
  const auto count = static_cast<double>(batch.size());
  measured.batch_frames = batch.size();
  measured.events_per_frame = static_cast<double>(found.indices.size()) / count;
  measured.counted_frames_per_s = count / (cli::median(count_ms) / 1e3);
  measured.upload_gigabytes_per_s =
      count * static_cast<double>(frames.bytes_per_frame()) / 1e9 / (cli::median(upload_ms) / 1e3);
  return measured;
}

void print(const counting_rates& one, double occupancy, bench_calibration kind, const machine_rates& machine,
           double gigabytes_per_frame, double primitives, bool last) {
  const std::string calibration = kind == bench_calibration::dark ? "dark and mask" : "one threshold";
  const double of_read = one.counted_frames_per_s * gigabytes_per_frame / machine.device_read_gigabytes_per_s;
  const double of_bus = one.pinned_frames_per_s * gigabytes_per_frame / machine.bus_gigabytes_per_s;
  std::fprintf(stderr, "%9g %-14s %6zu %9.1f %12.0f %9.1f %8.3f %10.0f %7.3f %9.2f %10.0f %10.0f\n", occupancy,
               calibration.c_str(), one.batch_frames, one.events_per_frame, one.counted_frames_per_s,
               one.counted_frames_per_s * gigabytes_per_frame, of_read, one.pinned_frames_per_s, of_bus,
               one.upload_gigabytes_per_s, one.pageable_frames_per_s, primitives);
  std::printf(
      "    {\"occupancy\": %g, \"calibration\": \"%s\", \"batch_frames\": %zu, \"distinct_frames\": %llu, "
      "\"events_per_frame\": %.1f, \"counted_frames_per_s\": %.0f, \"counted_gigabytes_per_s\": %.2f, "
      "\"fraction_of_device_read\": %.4f, \"pinned_frames_per_s\": %.0f, \"fraction_of_bus\": %.4f, "
      "\"upload_gigabytes_per_s\": %.2f, \"pageable_frames_per_s\": %.0f, \"thrust_frames_per_s\": %.0f}%s\n",
      occupancy, calibration.c_str(), one.batch_frames, static_cast<unsigned long long>(distinct_frames), one.events_per_frame,
      one.counted_frames_per_s, one.counted_frames_per_s * gigabytes_per_frame, of_read, one.pinned_frames_per_s, of_bus,
      one.upload_gigabytes_per_s, one.pageable_frames_per_s, primitives, last ? "" : ",");
}

/// Frames/s of the same job by the toolkit's primitives, frames on the device already; its events are the reference's.
double primitives_frames_per_s(const bench_frames& frames, const counting_setup& setup,
                               const std::vector<event_batch>& expected) {
  thrust_counting counting(setup, frames.views().size());
  counting.upload(frames.views());
  counting.count();
  const primitive_events found = counting.fetch();
  for (std::size_t f = 0; f < frames.views().size(); ++f) {
    const std::span<const std::uint32_t> events =
        std::span(found.indices).subspan(found.indptr[f], found.indptr[f + 1] - found.indptr[f]);
    if (!std::ranges::equal(events, expected[f % expected.size()].indices))
      throw error("frame " + std::to_string(f) +
                  " of the bench: events by the toolkit's primitives differ from the reference's");
  }
  std::vector<double> seconds;
  for (int round = 0; round < 5; ++round) {
    const auto start = clock_type::now();
    counting.count();
    seconds.push_back(seconds_since(start));
  }
  return static_cast<double>(frames.views().size()) / cli::median(seconds);
}

}  // namespace

machine_rates measure_machine() {
  constexpr std::size_t bytes = std::size_t{512} << 20U;
  std::vector<double> seconds = cuda::time_bus(0, bytes, 7).to_device_s;
  return {device_read_gigabytes_per_s(std::size_t{4} << 30U), static_cast<double>(bytes) / 1e9 / cli::median(seconds)};
}

void print(const machine_rates& machine) {
  std::fprintf(stderr, "the device reads its memory at %.0f GB/s, the bus carries %.1f GB/s to it\n",
               machine.device_read_gigabytes_per_s, machine.bus_gigabytes_per_s);
  std::printf(",\n  \"device_read_gigabytes_per_s\": %.0f,\n  \"bus_gigabytes_per_s\": %.2f",
              machine.device_read_gigabytes_per_s, machine.bus_gigabytes_per_s);
}

void print_counting_header() {
  std::fprintf(stderr, "counting, 576 x 576 u16, method cluster, the frames of countem bench count\n");
  std::fprintf(stderr, "%9s %-14s %6s %9s %12s %9s %8s %10s %7s %9s %10s %10s\n", "occupancy", "calibration", "batch",
               "events/fr", "on device/s", "GB/s", "of read", "pinned/s", "of bus", "up GB/s", "pageable/s", "thrust/s");
}

void measure_counting(double occupancy, const machine_rates& machine, bool quick, bool last) {
  simulation_options simulated;
  simulated.scan = {1, distinct_frames, 1};
  simulated.occupancy = occupancy;
  const bench_frames frames(simulated, distinct_frames, most_frames, std::max(1U, std::thread::hardware_concurrency()));
  for (const bench_calibration kind : {bench_calibration::threshold, bench_calibration::dark}) {
    const counting_setup setup = frames.setup(kind, {});
    const std::vector<event_batch> expected = expected_events(frames, setup);
    const double primitives = primitives_frames_per_s(frames, setup, expected);
    for (const std::size_t batch_frames : {std::size_t{0}, most_frames}) {
      const bool final = last && kind == bench_calibration::dark && batch_frames == most_frames;
      print(measure_batches(frames, setup, expected, batch_frames, quick), occupancy, kind, machine,
            static_cast<double>(frames.bytes_per_frame()) / 1e9, primitives, final);
    }
  }
}

}  // namespace countem::bench
