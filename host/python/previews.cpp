#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <oneapi/tbb/parallel_for.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/counting.hpp>

#include "host/engine/sample.hpp"
#include "host/engine/stoppable_source.hpp"
#include "host/engine/threads.hpp"
#include "host/python/arrays.hpp"
#include "host/python/bindings.hpp"
#include "host/python/frames.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

/// Events of each frame, and all of them added up on the grid of events: height, width, counts.
using preview = std::tuple<std::vector<std::uint32_t>, std::uint32_t, std::uint32_t, std::vector<std::uint32_t>>;

/// Counts some frames, evenly spread, with each of the calibrations.
std::tuple<std::vector<std::uint64_t>, std::vector<preview>> count_some(const raw_frames& frames,
                                                                        const std::vector<calibration>& used,
                                                                        const std::vector<counting_options>& options,
                                                                        std::uint32_t wanted, std::uint64_t seed,
                                                                        unsigned threads) {
  std::atomic<bool> stop{false};
  desk serving(stop);
  const auto opened = frames.open(serving, reading::here_and_there, threads);
  std::vector<std::uint64_t> drawn;
  std::vector<preview> found(used.size());
  serving.run([&] {
    const engine::stoppable_source source(*opened, serving.stop(), "stopped while frames were counted for a preview");
    std::vector<std::shared_ptr<const counting_plan>> plans;
    for (std::size_t i = 0; i < used.size(); ++i) {
      plans.push_back(cpu::make_plan({frames.info().shape, frames.info().type, used[i], options[i]}));
      const frame_shape grid = event_grid(plans[i]->setup());
      found[i] = {{}, grid.height, grid.width, std::vector<std::uint32_t>(grid.pixels())};
    }
    drawn = engine::draw_frames(source, wanted, seed, threads);
    for (preview& one : found) std::get<0>(one).resize(drawn.size());
    std::mutex adding;
    engine::run_with(threads, [&] {
      oneapi::tbb::parallel_for(std::size_t{0}, drawn.size(), [&](std::size_t at) {
        frame_batch batch;
        source.read(drawn[at], 1, batch);
        event_batch events;
        for (std::size_t i = 0; i < plans.size(); ++i) {
          plans[i]->make_counter()->count({batch.frames.data(), 1}, events);
          const std::lock_guard lock(adding);
          std::get<0>(found[i])[at] = static_cast<std::uint32_t>(events.indices.size());
          for (const std::uint32_t index : events.indices) ++std::get<3>(found[i])[index];
        }
      });
    });
  });
  return {std::move(drawn), std::move(found)};
}

/// Frames that were counted; for each calibration the events of each of them, height, width and pixels of their sum.
nb::tuple preview_of(const raw_frames& frames, const std::vector<calibration>& used, const std::vector<std::string>& methods,
                     const std::string& row_noise, const std::string& background, std::uint32_t wanted, std::uint64_t seed,
                     unsigned threads) {
  std::vector<counting_options> options(used.size());
  for (std::size_t i = 0; i < used.size(); ++i) {
    options[i].method = choice_from<counting_method>(methods.at(i));
    options[i].row_noise = choice_from<row_noise_method>(row_noise);
    options[i].background = choice_from<background_method>(background);
  }
  auto [drawn, found] = count_some(frames, used, options, wanted, seed, threads);
  nb::list results;
  for (auto& [events, height, width, sum] : found)
    results.append(nb::make_tuple(to_numpy(std::move(events)), height, width, to_numpy(std::move(sum))));
  return nb::make_tuple(to_numpy(std::move(drawn)), results);
}

}  // namespace

void bind_previews(nb::module_& m) {
  m.def("preview", &preview_of, nb::arg("frames"), nb::arg("calibrations"), nb::arg("methods"), nb::arg("row_noise"),
        nb::arg("background"), nb::arg("wanted"), nb::arg("seed"), nb::arg("threads"));
}

}  // namespace countem::python
