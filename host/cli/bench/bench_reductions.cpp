// countem bench reductions: the same reductions on dense frames, linear indices and run lengths, over a decade of detector
// pixels (M), events a frame (C) and frames (F), with the exponents of the three.
#include "host/cli/bench/bench_reductions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <numeric>
#include <random>
#include <string_view>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/reductions.hpp>
#include <countem/version.hpp>

#include "host/cli/bench/baselines/encodings.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

struct bench_reductions_options {
  unsigned repetitions = 5;
  std::vector<double> occupancies{0.001, 0.01};
  std::filesystem::path store;
  std::uint64_t seed = 1;
  bool as_json = false;
};

/// One point of the table: M = side * side pixels, C events a frame, F frames. Dense frames are many times the bytes of their
/// events: they get the first few of the frames, and their time is that of a frame times F.
struct scan_size {
  std::uint32_t side = 0;
  std::uint32_t events = 0;
  std::uint32_t frames = 0;
  std::uint32_t dense_frames = 0;
};

/// Of the tables of rates: as dense frames 660 MB, as events 40 MB, both more than the caches hold.
constexpr std::uint32_t dense_frames_of_rates = 1000;
constexpr std::uint64_t events_of_rates = 10'000'000;

/// How many frames hold about so many events where `frames` hold `events`.
std::uint64_t frames_of_rates(std::uint64_t events, std::uint64_t frames) {
  return std::max<std::uint64_t>(dense_frames_of_rates, events_of_rates * frames / events);
}

/// Events spread evenly over the detector, `size.events` in each frame.
event_batch make_events(const scan_size& size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::uint32_t> pixel(0, size.side * size.side - 1);
  event_batch batch;
  std::vector<std::uint32_t> frame(size.events);
  for (std::uint32_t f = 0; f < size.frames; ++f) {
    for (std::uint32_t& index : frame) index = pixel(random);
    std::ranges::sort(frame);
    batch.indices.insert(batch.indices.end(), frame.begin(), frame.end());
    batch.indptr.push_back(batch.indices.size());
  }
  return batch;
}

/// What a stage needs besides the events, and where it writes.
struct workspace {
  explicit workspace(const event_view& scan)
      : shape(scan.shape),
        side(std::min(shape.height, shape.width)),
        masks(
            make_masks(std::vector{parse_detector(fmt::format("annulus:{},{}", side / 8, side / 3))}, shape, middle_of(shape))),
        rings(make_rings(shape, middle_of(shape), 1, side / 2)),
        image(shape.pixels()),
        counts(scan.frames()),
        moments(scan.frames()),
        radial(scan.frames() * rings.rings) {}

  frame_shape shape;
  std::uint32_t side;
  detector_masks masks;
  ring_map rings;
  std::vector<std::uint64_t> image;
  std::vector<std::uint32_t> counts;
  std::vector<event_moments> moments;
  std::vector<std::uint32_t> radial;
  event_batch events;
};

struct stage {
  const char* name;
  void (*run)(event_reducer&, workspace&);
  bool looks_at_events = true;  ///< of linear indices; else at nothing but indptr
};
constexpr stage stages[] = {
    {"sum", [](event_reducer& r, workspace& w) { r.add_sum(w.image); }},
    {"counts", [](event_reducer& r, workspace& w) { r.counts(w.counts); }, false},
    {"virtual detector", [](event_reducer& r, workspace& w) { r.virtual_counts(w.masks, w.counts); }},
    {"centre of mass", [](event_reducer& r, workspace& w) { r.moments(w.moments); }},
    {"radial sum", [](event_reducer& r, workspace& w) { r.radial_counts(w.rings, w.radial); }},
    {"bin", [](event_reducer& r, workspace& w) { r.bin(2, w.events); }},
    {"crop",
     [](event_reducer& r, workspace& w) {
       r.crop({w.shape.height / 4, w.shape.width / 4, {w.shape.height / 2, w.shape.width / 2}}, w.events);
     }},
};

struct encoding {
  const char* name;
  std::unique_ptr<event_reducer> (*make)();
  double (*bytes)(const event_view&);  ///< what the frames take in memory
};
double linear_bytes(const event_view& e) {
  return static_cast<double>(e.event_count() * sizeof(std::uint32_t) + e.indptr.size_bytes());
}
enum encoding_number : std::size_t { dense, linear_index, run_length };
const encoding encodings[] = {
    {"dense", &baselines::make_dense_reducer,
     [](const event_view& e) { return static_cast<double>(e.frames() * e.shape.pixels() * sizeof(std::uint16_t)); }},
    {"linear index", [] { return cpu::make_reducer(1); }, &linear_bytes},
    {"run-length", &baselines::make_run_length_reducer,
     [](const event_view& e) {
       const auto runs = baselines::encode_run_length(e);
       return static_cast<double>(runs.runs.size() * sizeof(baselines::pixel_run) + runs.indptr.size() * sizeof(std::uint64_t));
     }},
};

/// Everything a stage may have written.
bool same_results(const workspace& a, const workspace& b) {
  return a.image == b.image && a.counts == b.counts && a.moments == b.moments && a.radial == b.radial &&
         a.events.indptr == b.events.indptr && a.events.indices == b.events.indices;
}

event_view first_frames(event_view scan, std::size_t frames) {
  scan.indptr = scan.indptr.first(std::min(frames, scan.frames()) + 1);
  return scan;
}

double median(std::vector<double> numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

/// Seconds of one call; what is over too soon for the clock is done many times.
double seconds_of(const std::function<void()>& work) {
  using clock = std::chrono::steady_clock;
  constexpr double enough = 100e-6;
  std::uint64_t calls = 1;
  while (true) {
    const auto start = clock::now();
    for (std::uint64_t call = 0; call < calls; ++call) work();
    const double seconds = std::chrono::duration<double>(clock::now() - start).count();
    if (seconds >= enough || calls >= 1'000'000) return seconds / static_cast<double>(calls);
    calls *= 10;
  }
}

/// Median seconds of one pass over all frames; of dense frames, the passes over some of them make up.
struct scan_timing {
  std::vector<std::vector<double>> stages;  ///< [stage][encoding]
  double streaming_read = 0;                ///< of the linear indices, added up and nothing else: the floor
};

/// Each stage is checked against the reference first.
scan_timing measure(const event_view& scan, std::uint32_t dense_frames, const bench_reductions_options& chosen,
                    const context& ctx) {
  const event_view part = first_frames(scan, dense_frames);
  std::vector<std::unique_ptr<event_reducer>> reducers;
  for (std::size_t e = 0; e < std::size(encodings); ++e) {
    reducers.push_back(encodings[e].make());
    reducers.back()->load(e == dense ? part : scan);
  }
  const auto oracle = reference::make_reducer();
  scan_timing timing;
  std::vector<double> reads;
  std::uint64_t read = 0;
  for (const stage& what : stages) {
    const auto expect = [&](const event_view& frames) {
      workspace expected(frames);
      oracle->load(frames);
      what.run(*oracle, expected);
      return expected;
    };
    const workspace expected_of_part = expect(part);
    const workspace expected_of_all = expect(scan);
    std::vector<workspace> found;
    for (std::size_t e = 0; e < reducers.size(); ++e) {
      what.run(*reducers[e], found.emplace_back(e == dense ? part : scan));
      if (!same_results(found.back(), e == dense ? expected_of_part : expected_of_all))
        throw error(
            fmt::format("the {} of {} frames is not that of the reference; please report this", what.name, encodings[e].name));
    }
    // In turn, so that whatever else the machine does meets all alike.
    std::vector<std::vector<double>> seconds(reducers.size());
    for (unsigned repetition = 0; repetition < chosen.repetitions; ++repetition) {
      if (ctx.stop.load()) throw interrupted("interrupted");
      for (std::size_t e = 0; e < reducers.size(); ++e)
        seconds[e].push_back(seconds_of([&] { what.run(*reducers[e], found[e]); }));
      const std::span<const std::uint32_t> all = scan.events();
      reads.push_back(seconds_of([&] { read += std::accumulate(all.begin(), all.end(), 0U); }));
    }
    auto& row = timing.stages.emplace_back();
    for (const auto& of_encoding : seconds) row.push_back(median(of_encoding));
    row[dense] *= static_cast<double>(scan.frames()) / static_cast<double>(part.frames());
  }
  if (read == 0) throw error("the events of the bench are all in pixel 0");  // keeps the compiler from dropping the reads
  timing.streaming_read = median(reads);
  return timing;
}

/// Slope of log(seconds) over log(x) by least squares.
double fitted_exponent(const std::vector<double>& x, const std::vector<double>& seconds) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double lx = std::log(x[i]);
    const double ly = std::log(seconds[i]);
    sx += lx;
    sy += ly;
    sxx += lx * lx;
    sxy += lx * ly;
  }
  const auto n = static_cast<double>(x.size());
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

/// A decade of one of the three numbers, the other two held. Even the smallest scans are larger than caches, as dense frames
/// and as events, so that every pass finds them in memory.
struct sweep {
  const char* name;
  std::vector<scan_size> sizes;
  double (*of)(const scan_size&);
  bool dense_grows;  ///< the table's exponent for dense frames is 1 rather than 0
  bool events_grow;  ///< and that for both encodings of events
};

const std::vector<sweep>& sweeps() {
  static const std::vector<sweep> all{
      {"M",
       {{256, 2000, 10000, 500}, {376, 2000, 10000, 500}, {552, 2000, 10000, 500}, {810, 2000, 10000, 500}},
       [](const scan_size& s) { return static_cast<double>(s.side) * s.side; },
       true,
       false},
      {"C",
       {{576, 655, 6000, 300}, {576, 1400, 6000, 300}, {576, 3000, 6000, 300}, {576, 6550, 6000, 300}},
       [](const scan_size& s) { return static_cast<double>(s.events); },
       false,
       true},
      {"F",
       {{256, 655, 10000, 500}, {256, 655, 21500, 1075}, {256, 655, 46400, 2320}, {256, 655, 100000, 5000}},
       [](const scan_size& s) { return static_cast<double>(s.frames); },
       true,
       true},
  };
  return all;
}

/// Counts of linear indices are differences of indptr: they grow with the frames alone.
int predicted_exponent(const sweep& over, const stage& what, std::size_t encoding) {
  if (encoding == dense) return over.dense_grows ? 1 : 0;
  if (encoding == linear_index && !what.looks_at_events && over.name == std::string_view("C")) return 0;
  return over.events_grow ? 1 : 0;
}

/// Rates on one scan, memory, and the occupancy from which dense frames win.
json rates(const event_view& events, const bench_reductions_options& chosen, const context& ctx) {
  const scan_timing timing = measure(events, dense_frames_of_rates, chosen, ctx);
  const auto pixels = static_cast<double>(events.shape.pixels());
  const auto number = static_cast<double>(events.event_count());
  const double occupancy = number / static_cast<double>(events.frames()) / pixels;
  json told;
  told["occupancy"] = occupancy;
  told["detector_pixels"] = pixels;
  told["events_per_frame"] = occupancy * pixels;
  told["frames"] = events.frames();
  told["dense_frames"] = std::min<std::uint64_t>(dense_frames_of_rates, events.frames());
  told["streaming_read_million_events_per_s"] = number / timing.streaming_read / 1e6;
  for (const encoding& one : encodings) told["megabytes"][one.name] = one.bytes(events) / 1e6;
  for (std::size_t s = 0; s < std::size(stages); ++s) {
    const std::vector<double>& seconds = timing.stages[s];
    json& row = told["stages"][stages[s].name];
    for (std::size_t e = 0; e < std::size(encodings); ++e) row["ns_per_event"][encodings[e].name] = 1e9 * seconds[e] / number;
    row["million_events_per_s"] = number / seconds[linear_index] / 1e6;
    row["fraction_of_streaming_read"] = timing.streaming_read / seconds[linear_index];
    row["dense_over_linear_index"] = seconds[dense] / seconds[linear_index];
    // Dense frames cost the same at any occupancy, events in proportion to it.
    const double crossover = occupancy * seconds[dense] / seconds[linear_index];
    row["crossover_occupancy"] = crossover < 1 ? json(crossover) : json();
  }
  return told;
}

json measure_all(const bench_reductions_options& chosen, const context& ctx) {
  json told;
  told["version"] = version;
  told["threads"] = 1;
  told["checked"] = true;
  told["rates"] = json::array();
  if (!chosen.store.empty()) {
    told["store"] = chosen.store.string();
    const auto store = open_event_store(chosen.store);
    event_batch batch;
    const auto read_frames = [&](std::uint64_t frames) {
      store->read(0, static_cast<std::size_t>(std::min(frames, store->frames())), batch);
    };
    read_frames(dense_frames_of_rates);
    if (batch.indices.empty())
      throw invalid_argument(chosen.store.string() + ": its first frames hold no events to measure on");
    read_frames(frames_of_rates(batch.indices.size(), batch.frames()));
    told["rates"].push_back(rates(view_of(batch, store->description().shape), chosen, ctx));
    return told;
  }
  for (const double occupancy : chosen.occupancies) {
    const frame_shape camera{576, 576};
    const auto events = static_cast<std::uint32_t>(std::max(1.0, occupancy * static_cast<double>(camera.pixels())));
    const event_batch batch =
        make_events({camera.width, events, static_cast<std::uint32_t>(frames_of_rates(events, 1))}, chosen.seed);
    told["rates"].push_back(rates(view_of(batch, camera), chosen, ctx));
  }
  for (const sweep& over : sweeps()) {
    std::vector<double> x;
    std::vector<scan_timing> timings;
    for (const scan_size& size : over.sizes) {
      x.push_back(over.of(size));
      const event_batch batch = make_events(size, chosen.seed);
      timings.push_back(measure(view_of(batch, {size.side, size.side}), size.dense_frames, chosen, ctx));
    }
    for (std::size_t s = 0; s < std::size(stages); ++s) {
      for (std::size_t e = 0; e < std::size(encodings); ++e) {
        std::vector<double> seconds;
        for (const scan_timing& timing : timings) seconds.push_back(timing.stages[s][e]);
        json& cell = told["exponents"][stages[s].name][encodings[e].name][over.name];
        cell["fitted"] = fitted_exponent(x, seconds);
        cell["predicted"] = predicted_exponent(over, stages[s], e);
        cell["x"] = x;
        cell["seconds"] = seconds;
      }
    }
  }
  return told;
}

void print_rates(const json& at) {
  fmt::print(
      "{} frames ({} of them dense) of {:.0f} pixels, {:.0f} events each, one thread; linear indices are read at {:.0f} M "
      "events/s\n",
      at["frames"].get<unsigned>(), at["dense_frames"].get<unsigned>(), at["detector_pixels"].get<double>(),
      at["events_per_frame"].get<double>(), at["streaming_read_million_events_per_s"].get<double>());
  fmt::print("{:<18}{:>12}{:>14}{:>12}{:>14}{:>10}{:>12}{:>12}\n", "ns an event", "dense", "linear index", "run-length",
             "M events/s", "of read", "dense wins", "and is");
  for (const auto& [name, row] : at["stages"].items()) {
    const json& ns = row["ns_per_event"];
    const json& crossover = row["crossover_occupancy"];
    fmt::print("{:<18}{:>12.3f}{:>14.3f}{:>12.3f}{:>14.0f}{:>10.2f}{:>12}{:>12}\n", name, ns["dense"].get<double>(),
               ns["linear index"].get<double>(), ns["run-length"].get<double>(), row["million_events_per_s"].get<double>(),
               row["fraction_of_streaming_read"].get<double>(),
               crossover.is_null() ? "never" : fmt::format("above {:.0f}%", 100 * crossover.get<double>()),
               fmt::format("{:.0f} x slower", row["dense_over_linear_index"].get<double>()));
  }
  fmt::print("\n");
}

void print(const json& told) {
  for (const json& at : told["rates"]) print_rates(at);
  if (!told.contains("exponents")) return;
  fmt::print("{:<18}{:<14}{:>14}{:>14}{:>14}\n", "fitted/predicted", "", "M", "C", "F");
  for (const auto& [name, encoded] : told["exponents"].items()) {
    for (const auto& [how, cells] : encoded.items()) {
      fmt::print("{:<18}{:<14}", name, how);
      for (const auto& [over, cell] : cells.items())
        fmt::print("{:>14}", fmt::format("{:.2f}/{}", cell["fitted"].get<double>(), cell["predicted"].get<int>()));
      fmt::print("\n");
    }
  }
}

}  // namespace

void add_bench_reductions(CLI::App& bench, context& ctx) {
  auto chosen = std::make_shared<bench_reductions_options>();
  CLI::App* command = bench.add_subcommand(
      "reductions", "Reductions of dense frames, linear indices and run lengths, and how their time grows with each size");
  command->add_option("--occupancy", chosen->occupancies, "Events a pixel and frame of the tables of rates")
      ->check(CLI::Range(1e-5, 0.5))
      ->capture_default_str();
  command->add_option("--store", chosen->store,
                      "Measure on the first frames of this event store instead, and fit no exponents");
  command->add_option("--seed", chosen->seed, "Seed of the events")->capture_default_str();
  command->add_option("--repetitions", chosen->repetitions, "Measurements; the median counts")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  command->add_flag("--json", chosen->as_json, "Print one JSON object on stdout");
  command->callback([chosen, &ctx] {
    const json told = measure_all(*chosen, ctx);
    if (chosen->as_json) {
      ctx.print_json(told);
    } else {
      print(told);
    }
  });
}

}  // namespace countem::cli
