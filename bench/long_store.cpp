// An event store of any size made of generated events, without raw frames: for measurements of what reads stores.
//
//   bench_long_store OUT.h5 WIDTHxHEIGHT EVENTS_PER_FRAME [THREADS [SIDE]]
//
// Frames of SIDE x SIDE pixels (576), each one of 4096 diffraction patterns whose numbers of events scatter as electrons do.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/store/background_writer.hpp"
#include "tests/store/random_events.hpp"

namespace {

using namespace countem;

constexpr std::size_t patterns = 4096;
constexpr std::uint64_t frames_per_batch = 2048;

struct pattern_pool {
  pattern_pool(double events_per_frame, std::uint32_t side) {
    std::mt19937_64 generator(1);
    std::poisson_distribution<std::size_t> number(events_per_frame);
    for (std::size_t i = 0; i < patterns; ++i) all.push_back(test::diffraction_events(generator, side, number(generator)));
  }

  /// What a frame holds depends on its number alone.
  [[nodiscard]] const std::vector<std::uint32_t>& of(std::uint64_t frame) const {
    return all[static_cast<std::size_t>((frame * 0x9e37'79b9'7f4a'7c15ULL) >> 52U)];
  }

  std::vector<std::vector<std::uint32_t>> all;
};

event_batch batch_of(const pattern_pool& pool, std::uint64_t first, std::uint64_t end) {
  event_batch batch;
  batch.first_frame = first;
  for (std::uint64_t frame = first; frame < end; ++frame) {
    const std::vector<std::uint32_t>& events = pool.of(frame);
    batch.indices.insert(batch.indices.end(), events.begin(), events.end());
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(all_sectors);
    batch.xrays.push_back(0);
  }
  return batch;
}

std::uint64_t write_store(const std::string& path, const scan_shape& scan, double events_per_frame, unsigned threads,
                          std::uint32_t side) {
  store_description description;
  description.shape = {side, side};
  description.scan = scan;
  description.geometry = counted_geometry(description.shape, 1);
  description.provenance = {{"program", "bench_long_store"}};
  const pattern_pool pool(events_per_frame, side);
  const auto store = create_event_store(path, description, {});
  io::background_writer writer(*store, threads);
  std::uint64_t events = 0;
  for (std::uint64_t first = 0; first < scan.frames(); first += frames_per_batch) {
    const event_batch batch = batch_of(pool, first, std::min(scan.frames(), first + frames_per_batch));
    events += batch.indices.size();
    writer.put(batch);
  }
  writer.finish();
  store->finish();
  return events;
}

}  // namespace

int main(int count, char** arguments) try {
  scan_shape scan;
  if (count < 4 || std::sscanf(arguments[2], "%ux%u", &scan.width, &scan.height) != 2) {
    std::cerr << "bench_long_store OUT.h5 WIDTHxHEIGHT EVENTS_PER_FRAME [THREADS [SIDE]]\n";
    return 2;
  }
  const auto threads = static_cast<unsigned>(count > 4 ? std::atoi(arguments[4]) : 2);
  const auto side = static_cast<std::uint32_t>(count > 5 ? std::atoi(arguments[5]) : 576);
  std::cout << write_store(arguments[1], scan, std::atof(arguments[3]), threads, side) << " events\n";
  return 0;
} catch (const std::exception& reason) {
  std::cerr << reason.what() << '\n';
  return 1;
}
