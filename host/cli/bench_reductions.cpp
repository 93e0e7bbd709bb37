// countem bench reductions: the same reductions on dense frames, linear indices and run lengths, over a decade of detector
// pixels (M), events a frame (C) and frames (F), with the exponents of the three.
#include "host/cli/bench_reductions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <random>

#include <countem/error.hpp>
#include <countem/reductions.hpp>
#include <countem/version.hpp>

#include "kernels/baselines/encodings.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

struct bench_reductions_options {
  unsigned repetitions = 7;
  double occupancy = 0.01;
  std::uint64_t seed = 1;
  bool as_json = false;
};

/// One point of the table: M = side * side pixels, C events a frame, F frames.
struct scan_size {
  std::uint32_t side = 256;
  std::uint32_t events = 655;
  std::uint32_t frames = 200;
};

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
  explicit workspace(const scan_size& size)
      : shape{size.side, size.side},
        masks(make_masks(std::vector{parse_detector(fmt::format("annulus:{},{}", size.side / 8, size.side / 3))}, shape,
                         middle_of(shape))),
        rings(make_rings(shape, middle_of(shape), 1, size.side / 2)),
        image(shape.pixels()),
        counts(size.frames),
        moments(size.frames),
        radial(std::size_t{size.frames} * rings.rings) {}

  frame_shape shape;
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
};
constexpr stage stages[] = {
    {"sum", [](event_reducer& r, workspace& w) { r.add_sum(w.image); }},
    {"counts", [](event_reducer& r, workspace& w) { r.counts(w.counts); }},
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

double median(std::vector<double> numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  return *middle;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// [stage][encoding] median seconds of one pass, each checked against the reference first.
using seconds_table = std::vector<std::vector<double>>;

seconds_table measure(const scan_size& size, const bench_reductions_options& chosen, const context& ctx) {
  const event_batch batch = make_events(size, chosen.seed);
  const event_view events = view_of(batch, {size.side, size.side});
  const auto oracle = reference::make_reducer();
  oracle->load(events);
  std::vector<std::unique_ptr<event_reducer>> reducers;
  for (const encoding& one : encodings) {
    reducers.push_back(one.make());
    reducers.back()->load(events);
  }
  seconds_table table;
  for (const stage& what : stages) {
    if (ctx.stop.load()) throw interrupted("interrupted");
    workspace expected(size);
    what.run(*oracle, expected);
    std::vector<workspace> found(std::size(encodings), workspace(size));
    for (std::size_t e = 0; e < reducers.size(); ++e) {
      what.run(*reducers[e], found[e]);
      if (!same_results(found[e], expected))
        throw error(
            fmt::format("the {} of {} frames is not that of the reference; please report this", what.name, encodings[e].name));
    }
    // In turn, so that whatever else the machine does meets all alike.
    std::vector<std::vector<double>> seconds(reducers.size());
    for (unsigned repetition = 0; repetition < chosen.repetitions; ++repetition) {
      for (std::size_t e = 0; e < reducers.size(); ++e)
        seconds[e].push_back(seconds_of([&] { what.run(*reducers[e], found[e]); }));
    }
    auto& row = table.emplace_back();
    for (const auto& of_encoding : seconds) row.push_back(median(of_encoding));
  }
  return table;
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

/// A decade of one of the three numbers, the other two held.
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
       {{128, 1000, 150}, {192, 1000, 150}, {276, 1000, 150}, {405, 1000, 150}},
       [](const scan_size& s) { return static_cast<double>(s.side) * s.side; },
       true,
       false},
      {"C",
       {{256, 655, 150}, {256, 1400, 150}, {256, 3000, 150}, {256, 6550, 150}},
       [](const scan_size& s) { return static_cast<double>(s.events); },
       false,
       true},
      {"F",
       {{128, 655, 100}, {128, 655, 215}, {128, 655, 464}, {128, 655, 1000}},
       [](const scan_size& s) { return static_cast<double>(s.frames); },
       true,
       true},
  };
  return all;
}

/// Rates at one occupancy on the detector's own frames, memory, and the occupancy from which dense frames win.
json rates(const bench_reductions_options& chosen, const context& ctx) {
  scan_size size{576, 0, 150};
  const double pixels = static_cast<double>(size.side) * size.side;
  size.events = static_cast<std::uint32_t>(std::max(1.0, chosen.occupancy * pixels));
  const seconds_table seconds = measure(size, chosen, ctx);
  const double events = static_cast<double>(size.events) * size.frames;
  json told;
  told["detector_pixels"] = pixels;
  told["events_per_frame"] = size.events;
  told["frames"] = size.frames;
  const event_batch batch = make_events(size, chosen.seed);
  for (const encoding& one : encodings) told["megabytes"][one.name] = one.bytes(view_of(batch, {size.side, size.side})) / 1e6;
  for (std::size_t s = 0; s < std::size(stages); ++s) {
    json& row = told["stages"][stages[s].name];
    for (std::size_t e = 0; e < std::size(encodings); ++e)
      row["ns_per_event"][encodings[e].name] = 1e9 * seconds[s][e] / events;
    row["million_events_per_s"] = events / seconds[s][1] / 1e6;
    row["dense_over_linear_index"] = seconds[s][0] / seconds[s][1];
    // Dense frames cost the same at any occupancy, events in proportion to it. No occupancy where it comes out above 1.
    row["crossover_occupancy"] = chosen.occupancy * seconds[s][0] / seconds[s][1];
  }
  return told;
}

json measure_all(const bench_reductions_options& chosen, const context& ctx) {
  json told;
  told["version"] = version;
  told["threads"] = 1;
  told["occupancy"] = chosen.occupancy;
  told["checked"] = true;
  told["rates"] = rates(chosen, ctx);
  for (const sweep& over : sweeps()) {
    std::vector<double> x;
    std::vector<seconds_table> tables;
    for (const scan_size& size : over.sizes) {
      x.push_back(over.of(size));
      tables.push_back(measure(size, chosen, ctx));
    }
    for (std::size_t s = 0; s < std::size(stages); ++s) {
      for (std::size_t e = 0; e < std::size(encodings); ++e) {
        std::vector<double> seconds;
        for (const seconds_table& table : tables) seconds.push_back(table[s][e]);
        json& cell = told["exponents"][stages[s].name][encodings[e].name][over.name];
        cell["fitted"] = fitted_exponent(x, seconds);
        cell["predicted"] = (e == 0 ? over.dense_grows : over.events_grow) ? 1 : 0;
        cell["x"] = x;
        cell["seconds"] = seconds;
      }
    }
  }
  return told;
}

void print(const json& told) {
  const json& at = told["rates"];
  fmt::print("{} frames of {:.0f} pixels, {} events each, one thread\n", at["frames"].get<unsigned>(),
             at["detector_pixels"].get<double>(), at["events_per_frame"].get<unsigned>());
  fmt::print("{:<18}{:>14}{:>14}{:>12}{:>14}{:>12}\n", "ns an event", "dense", "linear index", "run-length", "M events/s",
             "crossover");
  for (const auto& [name, row] : at["stages"].items()) {
    const json& ns = row["ns_per_event"];
    fmt::print("{:<18}{:>14.3f}{:>14.3f}{:>12.3f}{:>14.0f}{:>11.1f}%\n", name, ns["dense"].get<double>(),
               ns["linear index"].get<double>(), ns["run-length"].get<double>(), row["million_events_per_s"].get<double>(),
               100 * row["crossover_occupancy"].get<double>());
  }
  fmt::print("\n{:<18}{:<14}{:>14}{:>14}{:>14}\n", "fitted/predicted", "", "M", "C", "F");
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
  command->add_option("--occupancy", chosen->occupancy, "Events a pixel and frame of the table of rates")
      ->check(CLI::Range(1e-5, 0.5))
      ->capture_default_str();
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
