// countem bench reductions: the same reductions on dense frames, linear indices and run lengths, over a decade of detector
// pixels (M), events per frame (C) and frames (F), with the exponents of the three.
#include "host/cli/bench/bench_reductions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <string_view>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/reductions.hpp>
#include <countem/version.hpp>

#include "host/cli/bench/reduction_timing.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

struct bench_reductions_options {
  unsigned repetitions = 5;
  std::vector<double> occupancies{0.001, 0.01};
  std::filesystem::path store;
  std::uint64_t seed = 1;
};

/// Of the tables of rates: as dense frames 660 MB, as events 40 MB, both more than the caches hold.
constexpr std::uint32_t dense_frames_of_rates = 1000;
constexpr std::uint64_t events_of_rates = 10'000'000;

/// How many frames hold about so many events where `frames` hold `events`.
std::uint64_t frames_of_rates(std::uint64_t events, std::uint64_t frames) {
  return std::max<std::uint64_t>(dense_frames_of_rates, events_of_rates * frames / events);
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
  const scan_timing timing = measure(events, dense_frames_of_rates, chosen.repetitions, ctx.stop);
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
  for (const encoding& one : encodings()) told["megabytes"][one.name] = one.bytes(events) / 1e6;
  for (std::size_t s = 0; s < stages().size(); ++s) {
    const std::vector<double>& seconds = timing.stages[s];
    json& row = told["stages"][stages()[s].name];
    for (std::size_t e = 0; e < encodings().size(); ++e) row["ns_per_event"][encodings()[e].name] = 1e9 * seconds[e] / number;
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
      timings.push_back(measure(view_of(batch, {size.side, size.side}), size.dense_frames, chosen.repetitions, ctx.stop));
    }
    for (std::size_t s = 0; s < stages().size(); ++s) {
      for (std::size_t e = 0; e < encodings().size(); ++e) {
        std::vector<double> seconds;
        for (const scan_timing& timing : timings) seconds.push_back(timing.stages[s][e]);
        json& cell = told["exponents"][stages()[s].name][encodings()[e].name][over.name];
        cell["fitted"] = fitted_exponent(x, seconds);
        cell["predicted"] = predicted_exponent(over, stages()[s], e);
        cell["x"] = x;
        cell["seconds"] = seconds;
      }
    }
  }
  return told;
}

std::string rates_text(const json& at) {
  std::string text;
  const auto add = std::back_inserter(text);
  fmt::format_to(
      add,
      "{} frames ({} of them dense) of {:.0f} pixels, {:.0f} events each, one thread; linear indices are read at {:.0f} M "
      "events/s\n",
      at["frames"].get<unsigned>(), at["dense_frames"].get<unsigned>(), at["detector_pixels"].get<double>(),
      at["events_per_frame"].get<double>(), at["streaming_read_million_events_per_s"].get<double>());
  fmt::format_to(add, "{:<18}{:>12}{:>14}{:>12}{:>14}{:>10}{:>12}{:>12}\n", "ns an event", "dense", "linear index",
                 "run-length", "M events/s", "of read", "dense wins", "and is");
  for (const auto& [name, row] : at["stages"].items()) {
    const json& ns = row["ns_per_event"];
    const json& crossover = row["crossover_occupancy"];
    fmt::format_to(add, "{:<18}{:>12.3f}{:>14.3f}{:>12.3f}{:>14.0f}{:>10.2f}{:>12}{:>12}\n", name, ns["dense"].get<double>(),
                   ns["linear index"].get<double>(), ns["run-length"].get<double>(), row["million_events_per_s"].get<double>(),
                   row["fraction_of_streaming_read"].get<double>(),
                   crossover.is_null() ? "never" : fmt::format("above {:.0f}%", 100 * crossover.get<double>()),
                   fmt::format("{:.0f} x slower", row["dense_over_linear_index"].get<double>()));
  }
  return text + "\n";
}

std::string text_of_rates(const json& told) {
  std::string text;
  const auto add = std::back_inserter(text);
  for (const json& at : told["rates"]) text += rates_text(at);
  if (!told.contains("exponents")) return text;
  fmt::format_to(add, "{:<18}{:<14}{:>14}{:>14}{:>14}\n", "fitted/predicted", "", "M", "C", "F");
  for (const auto& [name, encoded] : told["exponents"].items()) {
    for (const auto& [how, cells] : encoded.items()) {
      fmt::format_to(add, "{:<18}{:<14}", name, how);
      for (const auto& [over, cell] : cells.items())
        fmt::format_to(add, "{:>14}", fmt::format("{:.2f}/{}", cell["fitted"].get<double>(), cell["predicted"].get<int>()));
      text += "\n";
    }
  }
  return text;
}

}  // namespace

void add_bench_reductions(CLI::App& bench, context& ctx) {
  auto chosen = std::make_shared<bench_reductions_options>();
  CLI::App* command = bench.add_subcommand(
      "reductions", "Reductions of dense frames, linear indices and run lengths, and how their time grows with each size");
  command->add_option("--occupancy", chosen->occupancies, "Events per pixel and frame of the tables of rates")
      ->check(CLI::Range(1e-5, 0.5))
      ->capture_default_str();
  command->add_option("--store", chosen->store,
                      "Measure on the first frames of this event store instead, and fit no exponents");
  command->add_option("--seed", chosen->seed, "Seed of the events")->capture_default_str();
  command->add_option("--repetitions", chosen->repetitions, "Measurements; the median counts")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] {
    const json told = measure_all(*chosen, ctx);
    if (ctx.json) {
      ctx.print_json(told);
    } else {
      ctx.answer(text_of_rates(told));
    }
  });
}

}  // namespace countem::cli
