#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <random>
#include <vector>

#include <countem/event_store.hpp>

#include "tests/store/random_events.hpp"

namespace countem::test {

inline store_description description_of(frame_shape shape, scan_shape scan) {
  store_description description;
  description.shape = shape;
  description.scan = scan;
  description.calibrated.background16 = 144;
  description.calibrated.xray16 = 32'000;
  description.provenance = {{"version", "test"}, {"command_line", "countem count \"ä\" -o x.h5"}, {"empty", ""}};
  return description;
}

/// Frames [first, first + count) with about `mean` events, some with repeats, X-rays and missing sectors; frame 3 never
/// arrives. What a frame holds depends on its number alone.
inline event_batch random_batch(std::uint64_t first, std::size_t count, const store_description& description,
                                std::size_t mean) {
  event_batch batch;
  batch.first_frame = first;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t frame = first + i;
    std::mt19937_64 generator(frame);
    const bool arrived = frame != 3;
    std::vector<std::uint32_t> events;
    if (arrived) events = random_events(generator, description.shape.pixels(), generator() % (2 * mean + 1));
    if (arrived && frame % 5 == 1 && !events.empty()) events.insert(events.begin() + 1, 4, events.front());
    batch.indices.insert(batch.indices.end(), events.begin(), events.end());
    batch.indptr.push_back(batch.indices.size());
    const std::uint32_t xrays = arrived ? static_cast<std::uint32_t>(generator() % 3) : 0;
    batch.xrays.push_back(xrays);
    const std::uint32_t sectors = !arrived ? 0U : frame % 7 == 2 ? 0x0bU : 0x0fU;
    batch.status.push_back(static_cast<std::uint8_t>(sectors | (xrays > 0 ? 0x20U : 0U)));
    if (description.options.values == event_value::none) continue;
    for (std::size_t event = 0; event < events.size(); ++event) {
      batch.values.push_back(static_cast<std::uint32_t>(generator() % 5000) * (generator() % 100 == 0 ? 800'000U : 1U));
    }
  }
  return batch;
}

inline void put(event_store_writer& writer, const event_batch& batch) {
  writer.observe(batch);
  writer.write(*writer.encode(batch));
}

/// Puts frames [first, end of the scan) in batches.
inline void put_rest(event_store_writer& writer, std::uint64_t first, const store_description& description,
                     std::size_t batch_frames, std::size_t mean) {
  const std::uint64_t frames = description.scan.frames();
  for (; first < frames; first += batch_frames) {
    put(writer, random_batch(first, static_cast<std::size_t>(std::min<std::uint64_t>(batch_frames, frames - first)),
                             description, mean));
  }
}

/// Writes the whole scan in batches and returns all of it as one.
inline event_batch write_store(const std::filesystem::path& path, const store_description& description,
                               const store_options& options, std::size_t batch_frames = 16, std::size_t mean = 40) {
  const auto writer = create_event_store(path, description, options);
  put_rest(*writer, 0, description, batch_frames, mean);
  writer->finish();
  return random_batch(0, static_cast<std::size_t>(description.scan.frames()), description, mean);
}

inline event_batch read_all(const std::filesystem::path& path, unsigned threads = 0) {
  const auto store = open_event_store(path);
  event_batch read;
  store->read(0, static_cast<std::size_t>(store->frames()), read, threads);
  return read;
}

}  // namespace countem::test
