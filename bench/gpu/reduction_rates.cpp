#include "bench/gpu/reduction_rates.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "bench/gpu/peers/thrust_reductions.hpp"
#include "host/cli/bench/median.hpp"

namespace countem::bench {

namespace {

constexpr frame_shape camera{576, 576};
constexpr int rounds = 5;

event_batch random_events(std::size_t frames, std::size_t per_frame) {
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
  return batch;
}

/// What the stages need besides the events, and what they write.
struct workspace {
  explicit workspace(std::size_t frames)
      : image(camera.pixels()),
        most(camera.pixels()),
        inside(detectors.size() * frames),
        weighted(frames),
        moments(frames),
        second(frames),
        radial(frames * rings.rings) {}

  std::vector<virtual_detector> detectors{parse_detector("annulus:60,200"), parse_detector("disk:40")};
  detector_masks masks = make_masks(detectors, camera, middle_of(camera));
  detector_masks aperture = make_masks(std::span(detectors).first(1), camera, middle_of(camera));
  weight_image weights = make_weights(std::vector<float>(camera.pixels(), 1.5F), camera);
  ring_map rings = make_rings(camera, middle_of(camera));

  std::vector<std::uint64_t> image;
  std::vector<std::uint32_t> most;
  std::vector<std::uint32_t> inside;
  std::vector<std::int64_t> weighted;
  std::vector<event_moments> moments;
  std::vector<event_second_moments> second;
  std::vector<std::uint32_t> radial;
  event_batch events;

  [[nodiscard]] bool same_results(const workspace& other) const {
    return image == other.image && most == other.most && inside == other.inside && weighted == other.weighted &&
           moments == other.moments && second == other.second && radial == other.radial &&
           events.indptr == other.events.indptr && events.indices == other.events.indices;
  }
};

struct stage {
  const char* name;
  void (*run)(event_reducer&, workspace&);
};
constexpr stage stages[] = {
    {"sum", [](event_reducer& r, workspace& w) { r.add_sum(w.image); }},
    {"maximum", [](event_reducer& r, workspace& w) { r.raise_maximum(w.most); }},
    {"two_virtual_detectors", [](event_reducer& r, workspace& w) { r.virtual_counts(w.masks, w.inside); }},
    {"weighted", [](event_reducer& r, workspace& w) { r.weighted_counts(w.weights, w.weighted); }},
    {"moments", [](event_reducer& r, workspace& w) { r.moments(w.moments); }},
    {"second_moments", [](event_reducer& r, workspace& w) { r.second_moments(w.second); }},
    {"second_moments_within", [](event_reducer& r, workspace& w) { r.second_moments(w.aperture, w.second); }},
    {"radial", [](event_reducer& r, workspace& w) { r.radial_counts(w.rings, w.radial); }},
    {"bin_4", [](event_reducer& r, workspace& w) { r.bin(4, w.events); }},
    {"crop",
     [](event_reducer& r, workspace& w) {
       r.crop({100, 100, {300, 300}}, w.events);
     }},
};

/// A stage's result by that reducer, which must be the expected one.
workspace checked(const stage& what, event_reducer& reducer, const workspace& empty, const workspace& expected,
                  const std::string& whose) {
  workspace found = empty;
  what.run(reducer, found);
  if (!found.same_results(expected))
    throw error("the reduction " + std::string(what.name) + " of " + whose + " has another result than the reference's");
  return found;
}

/// Of calls, by `seconds_of` the last one: millions of events per second.
template <class Seconds>
double rate(const stage& what, event_reducer& reducer, workspace& into, double events, Seconds seconds_of) {
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    what.run(reducer, into);
    seconds.push_back(seconds_of(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
  }
  return events / cli::median(seconds) / 1e6;
}

double load_rate(event_reducer& reducer, const event_view& events) {
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    reducer.load(events);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return static_cast<double>(events.event_count()) / cli::median(seconds) / 1e6;
}

/// The rates of one encoding, by stage.
struct encoding_rates {
  const char* key;   ///< in the JSON
  const char* name;  ///< in the table
  std::vector<double> stages;
};

void print(const encoding_rates& one, double occupancy) {
  std::fprintf(stderr, "%9.4f %-12s", occupancy, one.name);
  for (const double value : one.stages) std::fprintf(stderr, " %9.4g", value);
  std::fprintf(stderr, "\n");
  std::printf(", \"%s\": {", one.key);
  for (std::size_t s = 0; s < one.stages.size(); ++s)
    std::printf("%s\"%s\": %.6g", s == 0 ? "" : ", ", stages[s].name, one.stages[s]);
  std::printf("}");
}

}  // namespace

void print_reductions_header() {
  std::fprintf(stderr,
               "reductions, million events/s: of events, to a result in host memory; of dense frames by Thrust, results stay "
               "on the device\n");
  std::fprintf(stderr, "%9s %-12s", "occupancy", "");
  for (const stage& what : stages) std::fprintf(stderr, " %9.9s", what.name);
  std::fprintf(stderr, "\n");
}

void measure_reductions(double occupancy, std::size_t frames, bool last) {
  const auto per_frame = static_cast<std::size_t>(occupancy * static_cast<double>(camera.pixels()));
  const event_batch batch = random_events(frames, per_frame);
  const event_view view = view_of(batch, camera);
  const auto events = static_cast<double>(batch.indices.size());
  const workspace empty(frames);

  const auto reference = reference::make_reducer();
  reference->load(view);
  std::vector<workspace> expected;
  for (const stage& what : stages) what.run(*reference, expected.emplace_back(empty));

  encoding_rates of_events{"events", "events", {}};
  const auto reducer = cuda::make_reducer();
  const double loaded = load_rate(*reducer, view);
  for (std::size_t s = 0; s < std::size(stages); ++s) {
    workspace found = checked(stages[s], *reducer, empty, expected[s], "events");
    of_events.stages.push_back(rate(stages[s], *reducer, found, events, [](double call) { return call; }));
  }
  std::printf("    {\"occupancy\": %g, \"frames\": %zu, \"events\": %.0f, \"load\": %.6g", occupancy, frames, events, loaded);
  print(of_events, occupancy);
  for (const auto& [type, key] : {std::pair{pixel_type::u8, "dense_u8"}, std::pair{pixel_type::u16, "dense_u16"}}) {
    encoding_rates of_frames{key, key, {}};
    const auto dense = make_thrust_reducer(type);
    dense->load(view);
    for (std::size_t s = 0; s < std::size(stages); ++s) {
      workspace found = checked(stages[s], *dense, empty, expected[s], std::string("frames ") + key);
      of_frames.stages.push_back(rate(stages[s], *dense, found, events, [&](double) { return dense->seconds(); }));
    }
    print(of_frames, occupancy);
  }
  std::printf("}%s\n", last ? "" : ",");
}

}  // namespace countem::bench
