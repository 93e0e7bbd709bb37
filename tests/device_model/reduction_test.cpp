// Every reduction of the cuda backend, on the device model, against the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "model.hpp"

namespace countem {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int rounds = 6;
#else
constexpr int rounds = 24;
#endif

using generator = std::mt19937_64;

event_batch random_events(generator& random, frame_shape shape) {
  event_batch batch;
  const std::size_t frames = random() % 11;
  for (std::size_t f = 0; f < frames; ++f) {
    const std::size_t events = random() % 4 == 0 ? 0 : random() % 150;
    const std::uint64_t spread =
        random() % 3 == 0 ? std::min<std::uint64_t>(shape.pixels(), 5) : shape.pixels();  // few pixels: repeats
    for (std::size_t i = 0; i < events; ++i) batch.indices.push_back(static_cast<std::uint32_t>(random() % spread));
    std::sort(batch.indices.begin() + static_cast<std::ptrdiff_t>(batch.indptr.back()), batch.indices.end());
    batch.indptr.push_back(batch.indices.size());
    batch.xrays.push_back(0);
    batch.status.push_back(status_sectors);
  }
  return batch;
}

/// Everything that a reducer computes from one batch.
struct reductions {
  std::vector<std::uint32_t> counts, maximum, detectors, radial;
  std::vector<std::uint64_t> sum;
  std::vector<std::int64_t> weighted;
  std::vector<event_moments> moments;
  std::vector<std::uint64_t> binned_indptr, cropped_indptr;
  std::vector<std::uint32_t> binned_indices, cropped_indices;
  friend bool operator==(const reductions&, const reductions&) = default;
};

struct scene {
  frame_shape shape{};
  event_batch batch;
  detector_masks masks;
  weight_image weights;
  ring_map rings;
  std::uint32_t factor = 1;
  detector_window window;
};

scene random_scene(std::uint64_t seed) {
  generator random(seed);
  scene drawn;
  drawn.shape = {1 + static_cast<std::uint32_t>(random() % 40), 1 + static_cast<std::uint32_t>(random() % 70)};
  drawn.batch = random_events(random, drawn.shape);
  std::vector<virtual_detector> detectors(1 + random() % 10);
  for (virtual_detector& detector : detectors) {
    detector.inner = static_cast<double>(random() % 5);
    detector.outer = detector.inner + 1 + static_cast<double>(random() % 30);
  }
  drawn.masks = make_masks(detectors, drawn.shape, middle_of(drawn.shape));
  std::vector<float> weights(drawn.shape.pixels());
  for (float& weight : weights) weight = static_cast<float>(random() % 2001) - 1000;
  drawn.weights = make_weights(weights, drawn.shape);
  drawn.rings = make_rings(drawn.shape, middle_of(drawn.shape), 1.5, static_cast<std::uint32_t>(random() % 6));
  drawn.factor = 1 + static_cast<std::uint32_t>(random() % 9);
  drawn.window.row = static_cast<std::uint32_t>(random() % drawn.shape.height);
  drawn.window.column = static_cast<std::uint32_t>(random() % drawn.shape.width);
  drawn.window.shape.height = 1 + static_cast<std::uint32_t>(random() % (drawn.shape.height - drawn.window.row));
  drawn.window.shape.width = 1 + static_cast<std::uint32_t>(random() % (drawn.shape.width - drawn.window.column));
  return drawn;
}

reductions reduce(event_reducer& reducer, const scene& drawn, const event_view& events) {
  reductions out;
  const std::size_t frames = events.frames();
  reducer.load(events);
  out.counts.resize(frames);
  reducer.counts(out.counts);
  out.sum.assign(drawn.shape.pixels(), 3);
  reducer.add_sum(out.sum);
  out.maximum.assign(drawn.shape.pixels(), 1);
  reducer.raise_maximum(out.maximum);
  out.detectors.resize(drawn.masks.detectors * frames);
  reducer.virtual_counts(drawn.masks, out.detectors);
  out.weighted.resize(frames);
  reducer.weighted_counts(drawn.weights, out.weighted);
  out.moments.resize(frames);
  reducer.moments(out.moments);
  out.radial.resize(frames * drawn.rings.rings);
  reducer.radial_counts(drawn.rings, out.radial);
  event_batch binned;
  reducer.bin(drawn.factor, binned);
  out.binned_indptr = binned.indptr;
  out.binned_indices = binned.indices;
  event_batch cropped;
  reducer.crop(drawn.window, cropped);
  out.cropped_indptr = cropped.indptr;
  out.cropped_indices = cropped.indices;
  return out;
}

TEST(cuda_reductions, equal_the_reference) {
  for (std::uint64_t seed = 0; seed < rounds && !testing::Test::HasFailure(); ++seed) {
    device_model::set_schedule({.seed = seed, .random = seed % 8 != 0});
    const scene drawn = random_scene(seed);
    const event_view all = view_of(drawn.batch, drawn.shape);
    const auto expected = reference::make_reducer();
    const auto tested = cuda::make_reducer();
    EXPECT_EQ(reduce(*tested, drawn, all), reduce(*expected, drawn, all)) << "seed " << seed;
    // A slice of the scan, with memory that the whole scan left behind.
    event_view slice = all;
    slice.indptr = all.indptr.subspan(all.frames() / 3, all.frames() / 2 + 1);
    EXPECT_EQ(reduce(*tested, drawn, slice), reduce(*expected, drawn, slice)) << "seed " << seed << ", slice";
  }
  EXPECT_EQ(device_model::refusal(), "");
  EXPECT_EQ(device_model::live_objects(), 0U);
}

TEST(cuda_reductions, need_a_device) {
  device_model::set_limits({.devices = 0});
  EXPECT_THROW(static_cast<void>(cuda::make_reducer()), cuda_error);
  device_model::set_limits({});
}

}  // namespace
}  // namespace countem
