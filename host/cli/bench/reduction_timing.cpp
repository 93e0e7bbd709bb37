#include "host/cli/bench/reduction_timing.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <random>
#include <string>

#include <countem/error.hpp>

#include "host/cli/bench/baselines/encodings.hpp"
#include "host/cli/bench/median.hpp"

namespace countem::cli {

namespace {

constexpr stage all_stages[] = {
    {"sum", [](event_reducer& r, workspace& w) { r.add_sum(w.image); }},
    {"counts", [](event_reducer& r, workspace& w) { r.counts(w.counts); }, false},
    {"virtual detector", [](event_reducer& r, workspace& w) { r.virtual_counts(w.masks, w.counts); }},
    {"centre of mass", [](event_reducer& r, workspace& w) { r.moments(w.moments); }},
    {"second moments", [](event_reducer& r, workspace& w) { r.second_moments(w.second_moments); }},
    {"within annulus", [](event_reducer& r, workspace& w) { r.second_moments(w.masks, w.second_moments); }},
    {"radial sum", [](event_reducer& r, workspace& w) { r.radial_counts(w.rings, w.radial); }},
    {"bin", [](event_reducer& r, workspace& w) { r.bin(2, w.events); }},
    {"crop",
     [](event_reducer& r, workspace& w) {
       r.crop({w.shape.height / 4, w.shape.width / 4, {w.shape.height / 2, w.shape.width / 2}}, w.events);
     }},
};

double linear_bytes(const event_view& e) {
  return static_cast<double>(e.event_count() * sizeof(std::uint32_t) + e.indptr.size_bytes());
}
const encoding all_encodings[] = {
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
  return a.image == b.image && a.counts == b.counts && a.moments == b.moments && a.second_moments == b.second_moments &&
         a.radial == b.radial && a.events.indptr == b.events.indptr && a.events.indices == b.events.indices;
}

event_view first_frames(event_view scan, std::size_t frames) {
  scan.indptr = scan.indptr.first(std::min(frames, scan.frames()) + 1);
  return scan;
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

}  // namespace

workspace::workspace(const event_view& scan)
    : shape(scan.shape),
      side(std::min(shape.height, shape.width)),
      masks(make_masks(std::vector{parse_detector(fmt::format("annulus:{},{}", side / 8, side / 3))}, shape, middle_of(shape))),
      rings(make_rings(shape, middle_of(shape), 1, side / 2)),
      image(shape.pixels()),
      counts(scan.frames()),
      moments(scan.frames()),
      second_moments(scan.frames()),
      radial(scan.frames() * rings.rings) {}

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

std::span<const stage> stages() {
  return all_stages;
}

std::span<const encoding> encodings() {
  return all_encodings;
}

scan_timing measure(const event_view& scan, std::uint32_t dense_frames, unsigned repetitions, const std::atomic<bool>& stop) {
  const event_view part = first_frames(scan, dense_frames);
  std::vector<std::unique_ptr<event_reducer>> reducers;
  for (std::size_t e = 0; e < encodings().size(); ++e) {
    reducers.push_back(encodings()[e].make());
    reducers.back()->load(e == dense ? part : scan);
  }
  const auto oracle = reference::make_reducer();
  scan_timing timing;
  std::vector<double> reads;
  std::uint64_t read = 0;
  for (const stage& what : stages()) {
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
        throw error(fmt::format("the {} of {} frames is not that of the reference; please report this", what.name,
                                encodings()[e].name));
    }
    // In turn, so that whatever else the machine does meets all alike.
    std::vector<std::vector<double>> seconds(reducers.size());
    for (unsigned repetition = 0; repetition < repetitions; ++repetition) {
      if (stop.load()) throw interrupted("interrupted");
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

}  // namespace countem::cli
