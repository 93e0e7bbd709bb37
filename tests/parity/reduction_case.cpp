#include "tests/parity/reduction_case.hpp"

#include <algorithm>
#include <random>
#include <vector>

namespace countem::parity {

namespace {

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

/// Whether both make the same of an output that holds `size` times `before`.
template <class T, class Stage>
bool equal(event_reducer& tested, event_reducer& reference, std::size_t size, T before, Stage stage) {
  std::vector<T> found(size, before);
  std::vector<T> expected(size, before);
  stage(tested, found);
  stage(reference, expected);
  return found == expected;
}

/// The same for stages that make events.
template <class Stage>
bool equal_events(event_reducer& tested, event_reducer& reference, Stage stage) {
  event_batch found;
  event_batch expected;
  stage(tested, found);
  stage(reference, expected);
  return found.indptr == expected.indptr && found.indices == expected.indices;
}

}  // namespace

reduction_case random_reduction_case(std::uint64_t seed) {
  generator random(seed);
  reduction_case drawn;
  drawn.shape = {1 + static_cast<std::uint32_t>(random() % 40), 1 + static_cast<std::uint32_t>(random() % 70)};
  drawn.batch = random_events(random, drawn.shape);
  std::vector<virtual_detector> detectors(1 + random() % 10);
  for (virtual_detector& detector : detectors) {
    detector.inner = static_cast<double>(random() % 5);
    detector.outer = detector.inner + 1 + static_cast<double>(random() % 30);
  }
  drawn.masks = make_masks(detectors, drawn.shape, middle_of(drawn.shape));
  drawn.aperture = make_masks(std::span(detectors).last(1), drawn.shape, middle_of(drawn.shape));
  std::vector<float> weights(drawn.shape.pixels());
  for (float& weight : weights) weight = static_cast<float>(random() % 2001) - 1000;
  drawn.weights = make_weights(weights, drawn.shape);
  detector_point centre = middle_of(drawn.shape);
  centre.row += static_cast<double>(random() % 41) / 8 - 2.5;
  centre.column += static_cast<double>(random() % 3) / 2;
  const double width = random() % 2 == 0 ? 1 : 1.5;
  drawn.rings = make_rings(drawn.shape, centre, width, static_cast<std::uint32_t>(random() % 6));
  drawn.factor = 1 + static_cast<std::uint32_t>(random() % 9);
  drawn.window.row = static_cast<std::uint32_t>(random() % drawn.shape.height);
  drawn.window.column = static_cast<std::uint32_t>(random() % drawn.shape.width);
  drawn.window.shape.height = 1 + static_cast<std::uint32_t>(random() % (drawn.shape.height - drawn.window.row));
  drawn.window.shape.width = 1 + static_cast<std::uint32_t>(random() % (drawn.shape.width - drawn.window.column));
  return drawn;
}

std::vector<reduction_stage> stages_of(const reduction_case& drawn) {
  using u32 = std::uint32_t;
  const std::size_t pixels = drawn.shape.pixels();
  // Outputs begin with numbers of their own: what a stage leaves or adds to must show.
  return {
      {"counts",
       [](auto& tested, auto& reference, std::size_t frames) {
         return equal<u32>(tested, reference, frames, 0, [](auto& by, auto& out) { by.counts(out); });
       }},
      {"sum",
       [=](auto& tested, auto& reference, std::size_t) {
         return equal<std::uint64_t>(tested, reference, pixels, 3, [](auto& by, auto& out) { by.add_sum(out); });
       }},
      {"maximum",
       [=](auto& tested, auto& reference, std::size_t) {
         return equal<u32>(tested, reference, pixels, 1, [](auto& by, auto& out) { by.raise_maximum(out); });
       }},
      {"virtual detectors",
       [&drawn](auto& tested, auto& reference, std::size_t frames) {
         return equal<u32>(tested, reference, drawn.masks.detectors * frames, 7,
                           [&](auto& by, auto& out) { by.virtual_counts(drawn.masks, out); });
       }},
      {"weighted sums",
       [&drawn](auto& tested, auto& reference, std::size_t frames) {
         return equal<std::int64_t>(tested, reference, frames, 7,
                                    [&](auto& by, auto& out) { by.weighted_counts(drawn.weights, out); });
       }},
      {"moments",
       [](auto& tested, auto& reference, std::size_t frames) {
         return equal<event_moments>(tested, reference, frames, {}, [](auto& by, auto& out) { by.moments(out); });
       }},
      {"second moments",
       [](auto& tested, auto& reference, std::size_t frames) {
         return equal<event_second_moments>(tested, reference, frames, {}, [](auto& by, auto& out) { by.second_moments(out); });
       }},
      {"second moments within a detector",
       [&drawn](auto& tested, auto& reference, std::size_t frames) {
         return equal<event_second_moments>(tested, reference, frames, {},
                                            [&](auto& by, auto& out) { by.second_moments(drawn.aperture, out); });
       }},
      {"radial sums",
       [&drawn](auto& tested, auto& reference, std::size_t frames) {
         return equal<u32>(tested, reference, frames * drawn.rings.rings, 7,
                           [&](auto& by, auto& out) { by.radial_counts(drawn.rings, out); });
       }},
      {"bin",
       [&drawn](auto& tested, auto& reference, std::size_t) {
         return equal_events(tested, reference, [&](auto& by, auto& out) { by.bin(drawn.factor, out); });
       }},
      {"crop",
       [&drawn](auto& tested, auto& reference, std::size_t) {
         return equal_events(tested, reference, [&](auto& by, auto& out) { by.crop(drawn.window, out); });
       }},
  };
}

std::string compare_with_reference(const reduction_case& drawn, const event_view& events, event_reducer& tested) {
  const auto reference = reference::make_reducer();
  tested.load(events);
  reference->load(events);
  for (const reduction_stage& stage : stages_of(drawn)) {
    if (!stage.equal(tested, *reference, events.frames())) return stage.name;
  }
  return {};
}

}  // namespace countem::parity
