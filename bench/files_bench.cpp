// What lies between files and events: sources, the store's encoder and decoder, and the whole way from sector files to a
// finished store. All files are in the page cache; nothing here measures a disk. Store rates are at 1 % occupancy unless the
// name gives another one.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>
#include <string>

#include <countem/event_store.hpp>
#include <countem/frame_source.hpp>
#include <countem/pipeline.hpp>
#include <countem/simulate.hpp>

namespace {

using namespace countem;
namespace fs = std::filesystem;

constexpr scan_shape scan{32, 8, 1};

/// Room for the benches' files, gone when they are done.
const fs::path& directory() {
  static const struct holder {
    fs::path path = fs::temp_directory_path() / ("countem_bench_" + std::to_string(::getpid()));
    holder() { fs::create_directories(path); }
    ~holder() { fs::remove_all(path); }
  } room;
  return room.path;
}

/// A simulated scan as files of one format; occupancy in parts per million; written once.
const std::vector<fs::path>& files_of(input_format format, std::int64_t occupancy_ppm) {
  static std::map<std::pair<std::string, std::int64_t>, std::vector<fs::path>> made;
  auto [found, fresh] = made.try_emplace({std::string(to_string(format)), occupancy_ppm});
  if (fresh) {
    simulation_options options;
    options.scan = scan;
    options.occupancy = static_cast<double>(occupancy_ppm) / 1e6;
    simulation_output output;
    output.format = format;
    const fs::path room = directory() / (std::string(to_string(format)) + "_" + std::to_string(occupancy_ppm));
    found->second = write_simulation(room, options, output).frames;
  }
  return found->second;
}

std::unique_ptr<frame_source> source_of(input_format format, std::int64_t occupancy_ppm) {
  source_options options;
  options.format = format;
  return open_source(files_of(format, occupancy_ppm), options);
}

counting_setup setup_of(const frame_source& source) {
  counting_setup setup;
  setup.shape = source.info().shape;
  setup.type = source.info().type;
  setup.calibrated.background16 = background_from_adu(32);
  setup.calibrated.xray16 = xray_from_adu(1000);
  return setup;
}

store_description description_of(const counting_setup& setup) {
  store_description description;
  description.shape = event_grid(setup);
  description.scan = scan;
  description.options = setup.options;
  description.calibrated = setup.calibrated;
  return description;
}

count_result count_into(const fs::path& store, std::int64_t occupancy_ppm, unsigned threads, bool fast_sparse) {
  const auto source = source_of(input_format("v5"), occupancy_ppm);
  const counting_setup setup = setup_of(*source);
  store_options options;
  options.fast_sparse = fast_sparse;
  const auto writer = create_event_store(store, description_of(setup), options);
  pipeline_options running;
  running.where = backend::cpu;
  running.threads = threads;
  const count_result result = count_frames(*source, setup, *writer, running);
  writer->finish();
  return result;
}

/// A finished store of 1 % occupancy, made once for each kind.
const fs::path& store_of(bool fast_sparse) {
  static std::map<bool, fs::path> made;
  auto [found, fresh] = made.try_emplace(fast_sparse);
  if (fresh) {
    found->second = directory() / (fast_sparse ? "fast.h5" : "plain.h5");
    count_into(found->second, 10'000, 0, fast_sparse);
  }
  return found->second;
}

void rate(benchmark::State& state, const char* name, double total) {
  state.counters[name] = benchmark::Counter(total, benchmark::Counter::kIsRate);
}

void source_read(benchmark::State& state, input_format format) {
  const auto source = source_of(format, 1000);
  const std::uint64_t frames = source->info().scan.frames();
  frame_batch batch;
  for (auto _ : state) {
    for (std::uint64_t frame = 0; frame < frames; ++frame) source->read(frame, 1, batch);
  }
  const auto passes = static_cast<double>(state.iterations());
  rate(state, "frames/s", passes * static_cast<double>(frames));
  rate(state, "GB/s", passes * static_cast<double>(frames * source->info().shape.pixels() * 2) / 1e9);
}

void store_encode(benchmark::State& state, bool fast_sparse) {
  const auto store = open_event_store(store_of(false));
  event_batch events;
  store->read(0, store->frames(), events);
  store_options options;
  options.fast_sparse = fast_sparse;
  const auto writer = create_event_store(directory() / "encoded.h5", store->description(), options);
  writer->observe(events);
  for (auto _ : state) benchmark::DoNotOptimize(writer->encode(events));
  rate(state, "events/s", static_cast<double>(state.iterations()) * static_cast<double>(events.indices.size()));
  fs::remove(writer->abandon());
}

void store_read(benchmark::State& state, bool fast_sparse) {
  const auto store = open_event_store(store_of(fast_sparse));
  event_batch events;
  for (auto _ : state) store->read(0, store->frames(), events, 1);
  rate(state, "events/s", static_cast<double>(state.iterations()) * static_cast<double>(events.indices.size()));
  state.counters["bytes/event"] =
      static_cast<double>(fs::file_size(store_of(fast_sparse))) / static_cast<double>(events.indices.size());
}

void store_random_frame(benchmark::State& state) {
  const auto store = open_event_store(store_of(false));
  event_batch events;
  std::mt19937_64 random(1);
  for (auto _ : state) store->read(random() % store->frames(), 1, events, 1);
}

void end_to_end(benchmark::State& state) {
  const std::int64_t occupancy_ppm = state.range(0);
  const auto threads = static_cast<unsigned>(state.range(1));
  (void)files_of(input_format("v5"), occupancy_ppm);
  double frames = 0;
  for (auto _ : state)
    frames += static_cast<double>(count_into(directory() / "counted.h5", occupancy_ppm, threads, false).frames);
  rate(state, "frames/s", frames);
}

BENCHMARK_CAPTURE(source_read, v5, input_format("v5"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(source_read, v4, input_format("v4"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(source_read, v3, input_format("v3"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(source_read, npy, input_format("npy"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(store_encode, plain, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(store_encode, fast_sparse, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(store_read, plain, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(store_read, fast_sparse, true)->Unit(benchmark::kMillisecond);
BENCHMARK(store_random_frame)->Unit(benchmark::kMicrosecond);
BENCHMARK(end_to_end)
    ->ArgNames({"occupancy_ppm", "threads"})
    ->ArgsProduct({{1000, 10'000}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
