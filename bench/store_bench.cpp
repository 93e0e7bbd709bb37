// The event store on diffraction patterns at 1 % occupancy of 576 x 576: encode, write, read all, read one frame; with and
// without the compact copy of the indices (argument 1). Times are processor time of one thread; every read is checked once
// before it is timed.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include <countem/event_store.hpp>

#include "tests/store/random_events.hpp"

namespace {

using namespace countem;

constexpr std::uint32_t side = 576;
constexpr std::size_t frames = 2000;
constexpr std::size_t events_per_frame = 3318;

event_batch patterns(std::size_t count, std::size_t events_of_each, std::uint64_t seed) {
  event_batch batch;
  std::mt19937_64 generator(seed);
  for (std::size_t frame = 0; frame < count; ++frame) {
    const auto events = test::diffraction_events(generator, side, events_of_each);
    batch.indices.insert(batch.indices.end(), events.begin(), events.end());
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(0x0f);
    batch.xrays.push_back(0);
  }
  return batch;
}

const event_batch& sample() {
  static const event_batch made = patterns(frames, events_per_frame, 1);
  return made;
}

store_description description() {
  store_description described;
  described.shape = {side, side};
  described.scan = {20, 100, 1};
  described.provenance = {{"program", "store_bench"}};
  return described;
}

std::filesystem::path store_path(bool fast) {
  return std::filesystem::temp_directory_path() / (fast ? "countem_store_bench_fast.h5" : "countem_store_bench.h5");
}

void write_store(bool fast) {
  const auto writer = create_event_store(store_path(fast), description(), {false, fast});
  writer->observe(sample());
  writer->write(*writer->encode(sample()));
  writer->finish();
}

/// A store of the sample, read back and compared once.
const event_store& opened(bool fast) {
  static std::map<bool, std::unique_ptr<event_store>> stores;
  auto& store = stores[fast];
  if (!store) {
    write_store(fast);
    store = open_event_store(store_path(fast));
    event_batch read;
    store->read(0, frames, read);
    if (read.indices != sample().indices) std::abort();
  }
  return *store;
}

void count_events(benchmark::State& state) {
  state.counters["events/s"] =
      benchmark::Counter(static_cast<double>(sample().indices.size() * state.iterations()), benchmark::Counter::kIsRate);
  const auto bytes = static_cast<double>(std::filesystem::file_size(store_path(state.range(0) != 0)));
  state.counters["bytes/event"] = bytes / static_cast<double>(sample().indices.size());
}

void encode(benchmark::State& state) {
  (void)opened(state.range(0) != 0);
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "countem_store_bench_encode.h5";
  const auto writer = create_event_store(path, description(), {false, state.range(0) != 0});
  writer->observe(sample());
  for (auto _ : state) benchmark::DoNotOptimize(writer->encode(sample()));
  count_events(state);
  std::filesystem::remove(writer->abandon());
}

void write(benchmark::State& state) {
  (void)opened(state.range(0) != 0);
  for (auto _ : state) write_store(state.range(0) != 0);
  count_events(state);
}

/// Chunks of a count that readers may follow, encoded before; the argument is events per frame. Counter: processor time of the
/// writer per million frames.
void write_followed(benchmark::State& state) {
  constexpr std::size_t batch_frames = 256;
  constexpr std::uint32_t scan_width = 256;
  event_batch batch = patterns(batch_frames, static_cast<std::size_t>(state.range(0)), 3);
  store_description described = description();
  described.scan = {scan_width, 256, 1};
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "countem_store_bench_followed.h5";
  store_options options;
  options.keep_unfinished = true;
  std::uint64_t frames_written = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const auto writer = create_event_store(path, described, options);
    std::vector<std::unique_ptr<event_sink::encoded>> all;
    for (batch.first_frame = 0; batch.first_frame < described.scan.frames(); batch.first_frame += batch_frames) {
      writer->observe(batch);
      all.push_back(writer->encode(batch));
    }
    state.ResumeTiming();
    for (const auto& frames_of_batch : all) writer->write(*frames_of_batch);
    state.PauseTiming();
    frames_written += described.scan.frames();
    std::filesystem::remove(writer->abandon());
    state.ResumeTiming();
  }
  state.counters["per million frames"] =
      benchmark::Counter(static_cast<double>(frames_written) * 1e-6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void read_all(benchmark::State& state) {
  const event_store& store = opened(state.range(0) != 0);
  event_batch read;
  for (auto _ : state) store.read(0, frames, read, 1);
  count_events(state);
}

void read_one_frame(benchmark::State& state) {
  const event_store& store = opened(state.range(0) != 0);
  std::mt19937_64 generator(2);
  event_batch read;
  for (auto _ : state) store.read(generator() % frames, 1, read, 1);
}

BENCHMARK(encode)->Arg(0)->Arg(1);
BENCHMARK(write)->Arg(0)->Arg(1);
BENCHMARK(write_followed)->Arg(331)->Arg(3318);
BENCHMARK(read_all)->Arg(0)->Arg(1);
BENCHMARK(read_one_frame)->Arg(0)->Arg(1);

}  // namespace

BENCHMARK_MAIN();
