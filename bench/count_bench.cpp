// Counting from memory, next to the floor: summing the same buffer. Times are CPU times of one thread.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <thread>

#include <countem/counting.hpp>

#include "host/cli/bench/bench_frames.hpp"

namespace {

using namespace countem;
using cli::bench_calibration;
using cli::bench_frames;

/// Twice the largest last-level cache in use, so that no pass finds the frames of the one before.
constexpr std::uint64_t frames_in_memory = 100;

/// Frames of one occupancy, given in parts per million; made once.
const bench_frames& frames_at(std::int64_t occupancy_ppm) {
  static std::map<std::int64_t, std::unique_ptr<bench_frames>> made;
  std::unique_ptr<bench_frames>& frames = made[occupancy_ppm];
  if (frames == nullptr) {
    simulation_options options;
    options.scan = {1, frames_in_memory, 1};
    options.occupancy = static_cast<double>(occupancy_ppm) / 1e6;
    frames = std::make_unique<bench_frames>(options, frames_in_memory, frames_in_memory, std::thread::hardware_concurrency());
  }
  return *frames;
}

void set_rates(benchmark::State& state, const bench_frames& frames) {
  const auto passes = static_cast<double>(state.iterations());
  state.counters["frames/s"] = benchmark::Counter(passes * frames_in_memory, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(passes * static_cast<double>(frames.bytes()) / 1e9, benchmark::Counter::kIsRate);
}

void streaming_read(benchmark::State& state) {
  const bench_frames& frames = frames_at(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(frames.streaming_read_seconds(1, 0, frames_in_memory));
  set_rates(state, frames);
}

void count(benchmark::State& state, bench_calibration calibrated, const counting_options& options) {
  const bench_frames& frames = frames_at(state.range(0));
  const auto counter = cpu::make_counter(frames.setup(calibrated, options));
  event_batch out;
  std::uint64_t events = 0;
  for (auto _ : state) {
    counter->count(frames.views(), out);
    events += out.indices.size();
  }
  set_rates(state, frames);
  state.counters["events/s"] = benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
}

void register_all() {
  const auto add = [](const char* name, auto function, std::initializer_list<std::int64_t> occupancies) {
    auto* added = benchmark::RegisterBenchmark(name, function)->Unit(benchmark::kMillisecond)->ArgName("ppm");
    for (const std::int64_t ppm : occupancies) added->Arg(ppm);
  };
  const auto counting = [](bench_calibration calibrated, counting_options options) {
    return [=](benchmark::State& state) { count(state, calibrated, options); };
  };
  const auto with = [](counting_method method, row_noise_method row_noise, event_value values) {
    counting_options options;
    options.method = method;
    options.row_noise = row_noise;
    options.values = values;
    return options;
  };
  const counting_options cluster;
  add("streaming_read", streaming_read, {1'000});
  add("count/cluster/dark", counting(bench_calibration::dark, cluster), {100, 1'000, 10'000, 30'000, 100'000});
  add("count/cluster/threshold", counting(bench_calibration::threshold, cluster), {1'000, 10'000});
  add("count/cluster/gain", counting(bench_calibration::gain, cluster), {1'000, 10'000});
  add("count/cluster/pixel_thresholds", counting(bench_calibration::pixel_thresholds, cluster), {1'000, 10'000});
  add("count/cluster/values",
      counting(bench_calibration::dark, with(counting_method::cluster, row_noise_method::none, event_value::charge)),
      {1'000, 10'000});
  add("count/cluster/row_mean",
      counting(bench_calibration::dark, with(counting_method::cluster, row_noise_method::mean, event_value::none)),
      {1'000, 10'000});
  add("count/cluster/row_mean_far",  // without a dark reference no half-row is near 0
      counting(bench_calibration::threshold, with(counting_method::cluster, row_noise_method::mean, event_value::none)),
      {1'000});
  add("count/cluster/row_median",
      counting(bench_calibration::dark, with(counting_method::cluster, row_noise_method::median, event_value::none)),
      {1'000, 10'000});
  counting_options shifted;
  shifted.background = background_method::frame;
  add("count/cluster/frame", counting(bench_calibration::dark, shifted), {1'000, 10'000});
  add("count/cluster/row_median_gain",
      counting(bench_calibration::gain, with(counting_method::cluster, row_noise_method::median, event_value::none)), {1'000});
  add("count/maximum",
      counting(bench_calibration::dark, with(counting_method::maximum, row_noise_method::none, event_value::none)),
      {1'000, 10'000});
  for (const bench_calibration used : {bench_calibration::dark, bench_calibration::gain}) {
    add(used == bench_calibration::dark ? "count/peaks/dark" : "count/peaks/gain",
        counting(used, with(counting_method::peaks, row_noise_method::none, event_value::none)), {1'000, 10'000});
  }
  add("count/pixels",
      counting(bench_calibration::dark, with(counting_method::pixels, row_noise_method::none, event_value::none)),
      {1'000, 10'000});
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
