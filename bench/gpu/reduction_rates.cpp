#include "bench/gpu/reduction_rates.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <countem/reductions.hpp>

#include "host/cli/bench/median.hpp"

namespace countem::bench {

reduction_rates measure_reductions(double occupancy) {
  constexpr std::size_t frames = 4096;
  constexpr frame_shape camera{576, 576};
  const auto per_frame = static_cast<std::size_t>(occupancy * static_cast<double>(camera.pixels()));
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
  const event_view events = view_of(batch, camera);
  const std::vector<virtual_detector> detectors{parse_detector("annulus:60,200"), parse_detector("disk:40")};
  const detector_masks masks = make_masks(detectors, camera, middle_of(camera));
  const detector_masks aperture = make_masks(std::span(detectors).first(1), camera, middle_of(camera));
  const weight_image weights = make_weights(std::vector<float>(camera.pixels(), 1.5F), camera);
  const ring_map rings = make_rings(camera, middle_of(camera));
  const auto reducer = cuda::make_reducer();
  const auto rate = [&](auto stage) {
    std::vector<double> seconds;
    for (int round = 0; round < 5; ++round) {
      const auto start = std::chrono::steady_clock::now();
      stage();
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return static_cast<double>(batch.indices.size()) / cli::median(seconds) / 1e6;
  };
  std::vector<std::uint64_t> image(camera.pixels());
  std::vector<std::uint32_t> most(camera.pixels());
  std::vector<std::uint32_t> inside(detectors.size() * frames);
  std::vector<std::int64_t> weighted(frames);
  std::vector<event_moments> moments(frames);
  std::vector<event_second_moments> second(frames);
  std::vector<std::uint32_t> radial(frames * rings.rings);
  event_batch out;
  reduction_rates measured;
  measured.occupancy = occupancy;
  measured.load = rate([&] { reducer->load(events); });
  measured.sum = rate([&] { reducer->add_sum(image); });
  measured.maximum = rate([&] { reducer->raise_maximum(most); });
  measured.detectors = rate([&] { reducer->virtual_counts(masks, inside); });
  measured.weighted = rate([&] { reducer->weighted_counts(weights, weighted); });
  measured.moments = rate([&] { reducer->moments(moments); });
  measured.second_moments = rate([&] { reducer->second_moments(second); });
  measured.within = rate([&] { reducer->second_moments(aperture, second); });
  measured.radial = rate([&] { reducer->radial_counts(rings, radial); });
  measured.bin = rate([&] { reducer->bin(4, out); });
  measured.crop = rate([&] { reducer->crop({100, 100, {300, 300}}, out); });
  measured.virtual_frames_per_s = measured.detectors * 1e6 / static_cast<double>(per_frame);
  return measured;
}

void print(const reduction_rates& one, bool last) {
  std::fprintf(stderr, "%9.4f %7.0f %7.0f %7.0f %9.0f %8.0f %7.0f %7.0f %7.0f %7.0f\n", one.occupancy, one.load, one.sum,
               one.maximum, one.detectors, one.weighted, one.moments, one.radial, one.bin, one.crop);
  std::printf(
      "    {\"occupancy\": %g, \"load\": %.0f, \"sum\": %.0f, \"maximum\": %.0f, \"two_virtual_detectors\": %.0f, "
      "\"weighted\": %.0f, "
      "\"moments\": %.0f, \"second_moments\": %.0f, \"second_moments_within\": %.0f, \"radial\": %.0f, \"bin_4\": %.0f, "
      "\"crop\": %.0f, \"virtual_frames_per_s\": %.0f}%s\n",
      one.occupancy, one.load, one.sum, one.maximum, one.detectors, one.weighted, one.moments, one.second_moments, one.within,
      one.radial, one.bin, one.crop, one.virtual_frames_per_s, last ? "" : ",");
}

}  // namespace countem::bench
