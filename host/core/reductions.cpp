#include <countem/reductions.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include <countem/error.hpp>

#include "host/core/detector_pixels.hpp"
#include "host/core/moments.hpp"

namespace countem {

namespace {

using core::check_pixels;
using core::for_pixels;
using core::offset;

void check_size(std::uint64_t given, std::uint64_t expected) {
  if (given != expected) {
    throw invalid_argument("a reduction's output has " + std::to_string(given) + " elements, expected " +
                           std::to_string(expected));
  }
}

void check_shape(frame_shape map, frame_shape frames) {
  if (map != frames) throw invalid_argument("a detector, weight or ring map was made for frames of another shape");
}

}  // namespace

bool are_frames_valid(const event_view& events, std::size_t first, std::size_t end) {
  for (std::size_t f = first; f < end; ++f) {
    const auto frame = events.events(f);
    if (frame.empty()) continue;
    bool ascending = true;  // without an early end, so that the compiler can take many at a time
    for (std::size_t i = 1; i < frame.size(); ++i) ascending &= frame[i - 1] <= frame[i];
    if (!ascending || frame.back() >= events.shape.pixels()) return false;
  }
  return true;
}

void validate(const event_view& events) {
  if (events.shape.pixels() > max_pixels) throw invalid_argument("an event grid holds at most 2^32 - 1 pixels");
  if (events.indptr.empty()) throw invalid_argument("events need an indptr of frames + 1 elements, this one is empty");
  if (!std::is_sorted(events.indptr.begin(), events.indptr.end()) || events.indptr.back() > events.indices.size()) {
    throw invalid_argument("the indptr of events must ascend and stay within their number, " +
                           std::to_string(events.indices.size()));
  }
  for (std::size_t f = 0; f < events.frames(); ++f) {
    if (are_frames_valid(events, f, f + 1)) continue;
    const auto frame = events.events(f);
    if (!std::ranges::is_sorted(frame))
      throw invalid_argument("the events of frame " + std::to_string(f) + " of a batch are not sorted");
    throw invalid_argument("frame " + std::to_string(f) + " of a batch has an event at index " + std::to_string(frame.back()) +
                           ", outside its " + std::to_string(events.shape.pixels()) + " pixels");
  }
}

void event_reducer::load(const event_view& events) {
  do_validate(events);
  events_ = events;
  do_load();
}

void event_reducer::counts(std::span<std::uint32_t> out) {
  check_size(out.size(), events_.frames());
  do_counts(out);
}

void event_reducer::add_sum(std::span<std::uint64_t> image) {
  check_size(image.size(), events_.shape.pixels());
  do_add_sum(image);
}

void event_reducer::raise_maximum(std::span<std::uint32_t> image) {
  check_size(image.size(), events_.shape.pixels());
  do_raise_maximum(image);
}

void event_reducer::virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) {
  check_shape(masks.shape, events_.shape);
  check_size(out.size(), masks.detectors * events_.frames());
  do_virtual_counts(masks, out);
}

void event_reducer::weighted_counts(const weight_image& weights, std::span<std::int64_t> out) {
  check_shape(weights.shape, events_.shape);
  check_size(out.size(), events_.frames());
  do_weighted_counts(weights, out);
}

void event_reducer::moments(std::span<event_moments> out) {
  check_size(out.size(), events_.frames());
  do_moments(out);
}

void event_reducer::second_moments(std::span<event_second_moments> out) {
  second_moments(nullptr, out);
}

void event_reducer::second_moments(const detector_masks& within, std::span<event_second_moments> out) {
  check_shape(within.shape, events_.shape);
  check_size(within.detectors, 1);
  second_moments(&within, out);
}

void event_reducer::second_moments(const detector_masks* within, std::span<event_second_moments> out) {
  check_size(out.size(), events_.frames());
  const std::uint64_t most = most_second_order_events(events_.shape);
  for (std::size_t f = 0; f < out.size(); ++f) {
    if (events_.indptr[f + 1] - events_.indptr[f] > most) refuse_second_moments(events_.shape);
  }
  do_second_moments(within, out);
}

void event_reducer::radial_counts(const ring_map& rings, std::span<std::uint32_t> out) {
  check_shape(rings.shape, events_.shape);
  check_size(out.size(), std::uint64_t{rings.rings} * events_.frames());
  do_radial_counts(rings, out);
}

void event_reducer::bin(std::uint32_t factor, event_batch& out) {
  if (factor == 0) throw invalid_argument("a bin factor is at least 1");
  do_bin(factor, out);
}

void event_reducer::crop(const detector_window& window, event_batch& out) {
  if (std::uint64_t{window.row} + window.shape.height > events_.shape.height ||
      std::uint64_t{window.column} + window.shape.width > events_.shape.width) {
    throw invalid_argument("the crop window reaches beyond the frame");
  }
  do_crop(window, out);
}

weight_image make_weights(std::span<const float> weights, frame_shape shape) {
  return make_weights(std::vector<double>(weights.begin(), weights.end()), shape);
}

weight_image make_weights(std::span<const double> weights, frame_shape shape) {
  check_pixels(weights.size(), shape, "a weight image");
  double largest = 0;
  for (const double w : weights) {
    if (!std::isfinite(w)) throw invalid_argument("a weight image holds a value that is not a finite number");
    largest = std::max(largest, std::abs(w));
  }
  weight_image image;
  image.shape = shape;
  // largest / unit lies in [2^29, 2^30]: far from the int32 limit, and 2^33 events sum without leaving int64.
  if (largest > 0) image.unit = std::ldexp(1.0, std::ilogb(largest) - 29);
  image.weights.reserve(weights.size());
  for (const double w : weights) image.weights.push_back(static_cast<std::int32_t>(std::lrint(w / image.unit)));
  return image;
}

ring_map make_rings(frame_shape shape, detector_point centre, double step, std::uint32_t rings) {
  if (!(step > 0) || !std::isfinite(step)) throw invalid_argument("rings need a step above 0 pixels");
  if (!std::isfinite(centre.row) || !std::isfinite(centre.column))
    throw invalid_argument("rings need a centre that is a number");
  ring_map map;
  map.shape = shape;
  map.centre = centre;
  map.step = step;
  const double rows = std::max(std::abs(centre.row), std::abs(static_cast<double>(shape.height) - 1 - centre.row));
  const double columns = std::max(std::abs(centre.column), std::abs(static_cast<double>(shape.width) - 1 - centre.column));
  const double needed = std::floor(std::hypot(rows, columns) / step) + 1;
  const double wanted = rings != 0 ? rings : needed;
  if (wanted > ring_map::outside) {
    throw invalid_argument("rings of " + std::to_string(step) + " pixels would be more than 65535: use a larger step");
  }
  map.rings = static_cast<std::uint32_t>(wanted);
  map.ring.resize(shape.pixels());
  map.pixels.assign(map.rings, 0);
  for_pixels(shape, centre, [&](std::uint64_t pixel, const offset& from_centre) {
    const double ring = std::floor(std::sqrt(from_centre.squared()) / step);
    if (ring < wanted) {
      map.ring[pixel] = static_cast<std::uint16_t>(ring);
      ++map.pixels[map.ring[pixel]];
    } else {
      map.ring[pixel] = ring_map::outside;
    }
  });
  return map;
}

void leave_out(ring_map& rings, std::span<const std::uint8_t> masked, std::span<const std::uint8_t> excluded) {
  for (const std::span<const std::uint8_t> mask : {masked, excluded}) {
    if (!mask.empty()) check_pixels(mask.size(), rings.shape, "a mask of unused pixels");
  }
  const auto is_in = [](std::span<const std::uint8_t> mask, std::size_t pixel) { return !mask.empty() && mask[pixel] != 0; };
  for (std::size_t pixel = 0; pixel < rings.ring.size(); ++pixel) {
    std::uint16_t& ring = rings.ring[pixel];
    if (ring == ring_map::outside || !(is_in(masked, pixel) || is_in(excluded, pixel))) continue;
    --rings.pixels[ring];
    if (!is_in(excluded, pixel)) continue;
    ring = ring_map::outside;
    rings.by_distance = false;
  }
}

}  // namespace countem
