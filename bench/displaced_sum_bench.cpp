// Events per second of displaced sums on one core: a tilt-corrected image, and virtual images of groups of pixels.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <countem/displaced_sum.hpp>

namespace {

using namespace countem;

constexpr frame_shape shape{576, 576};
constexpr std::uint32_t scan_width = 512;
constexpr std::size_t frames = 8 * scan_width;
constexpr double disk = 60;

/// `inside`: percent of the electrons that lie in the disk, the others anywhere.
event_batch electrons(double per_frame, int inside) {
  std::mt19937_64 random(5);
  event_batch batch;
  std::uniform_real_distribution<double> unit(0, 1);
  for (std::size_t f = 0; f < frames; ++f) {
    const auto number = std::poisson_distribution<std::size_t>(per_frame)(random);
    for (std::size_t i = 0; i < number; ++i) {
      double row = unit(random) * shape.height;
      double column = unit(random) * shape.width;
      if (unit(random) * 100 < inside) {
        const double radius = disk * std::sqrt(unit(random));
        const double angle = 6.283185307179586 * unit(random);
        row = 288 + radius * std::sin(angle);
        column = 288 + radius * std::cos(angle);
      }
      batch.indices.push_back(static_cast<std::uint32_t>(row) * shape.width + static_cast<std::uint32_t>(column));
    }
    std::sort(batch.indices.begin() + static_cast<std::ptrdiff_t>(batch.indptr.back()), batch.indices.end());
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(all_sectors);
  }
  return batch;
}

template <class Cells>
displacement_map map_of(Cells cells) {
  displacement_map map{shape, std::vector<std::int32_t>(shape.pixels(), displacement_map::nowhere)};
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) {
      const double y = row - 288.0;
      const double x = column - 288.0;
      if (std::hypot(x, y) < disk) map.cells[std::size_t{row} * shape.width + column] = cells(y, x);
    }
  }
  return map;
}

void run(benchmark::State& state, const displacement_map& map, const std::vector<std::uint64_t>& cells, std::size_t size) {
  const event_batch batch = electrons(static_cast<double>(state.range(0)), static_cast<int>(state.range(1)));
  std::vector<std::uint32_t> image(size);
  std::vector<std::uint32_t> wanted(size);
  const auto add = [&](std::vector<std::uint32_t>& to) { cpu::add_displaced(view_of(batch, shape), map, cells, to, 1); };
  reference::add_displaced(view_of(batch, shape), map, cells, wanted);
  add(image);
  if (image != wanted) return state.SkipWithError("not what the reference gives");
  for (auto round : state) {
    static_cast<void>(round);
    add(image);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch.indices.size()));
}

/// Twenty scan steps at the rim, four cells per step.
void tilt_corrected(benchmark::State& state) {
  constexpr std::uint64_t margin = 80;
  constexpr std::uint64_t width = 4 * scan_width + 2 * margin;
  const displacement_map map = map_of([&](double y, double x) {
    return static_cast<std::int32_t>(std::lround(y * 80 / disk) * static_cast<long>(width) + std::lround(x * 80 / disk));
  });
  std::vector<std::uint64_t> cells;
  for (std::uint64_t f = 0; f < frames; ++f)
    cells.push_back((4 * (f / scan_width) + margin) * width + 4 * (f % scan_width) + margin);
  run(state, map, cells, (4 * (frames / scan_width) + 2 * margin) * width);
}

/// 13 groups along the diameter.
void group_images(benchmark::State& state) {
  const displacement_map map = map_of([&](double y, double x) {
    const double side = 2 * disk / 13;
    const long group = (std::lround(y / side) + 6) * 13 + std::lround(x / side) + 6;
    return static_cast<std::int32_t>(group * static_cast<long>(frames));
  });
  std::vector<std::uint64_t> cells;
  for (std::uint64_t f = 0; f < frames; ++f) cells.push_back(f);
  run(state, map, cells, std::size_t{13} * 13 * frames);
}

BENCHMARK(tilt_corrected)->Args({400, 90})->Args({3000, 90})->Args({3000, 50})->Args({3000, 10});
BENCHMARK(group_images)->Args({400, 90})->Args({3000, 90});

}  // namespace

BENCHMARK_MAIN();
