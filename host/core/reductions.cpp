#include <countem/reductions.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <string>

#include <countem/error.hpp>

#include "host/core/moments.hpp"

namespace countem {

namespace {

struct offset {
  double rows;
  double columns;
  [[nodiscard]] double squared() const { return rows * rows + columns * columns; }
};

/// Calls visit(pixel, offset of its centre from `centre`) for every pixel of a frame.
template <class Visit>
void for_pixels(frame_shape shape, detector_point centre, Visit visit) {
  std::uint64_t pixel = 0;
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column, ++pixel) {
      visit(pixel, offset{static_cast<double>(row) - centre.row, static_cast<double>(column) - centre.column});
    }
  }
}

bool in_wedge(const virtual_detector& detector, const offset& from_centre) {
  const double span = detector.to_degrees - detector.from_degrees;
  if (span >= 360) return true;
  const double degrees = std::atan2(-from_centre.rows, from_centre.columns) * 180 / std::numbers::pi;
  const double turned = std::fmod(degrees - detector.from_degrees, 360);
  return (turned < 0 ? turned + 360 : turned) < span;
}

void check(const virtual_detector& detector) {
  if (std::isnan(detector.outer) || !(detector.inner >= 0) || !(detector.inner < detector.outer)) {
    throw invalid_argument("virtual detector '" + detector.name + "' needs radii with 0 <= inner < outer, as annulus:60,200");
  }
  if (!(detector.from_degrees < detector.to_degrees) || !std::isfinite(detector.from_degrees) ||
      !std::isfinite(detector.to_degrees)) {
    throw invalid_argument("virtual detector '" + detector.name +
                           "' needs angles with from < to, in degrees, as wedge:10,100,350,370 across 0");
  }
  if (detector.centre && !(std::isfinite(detector.centre->row) && std::isfinite(detector.centre->column))) {
    throw invalid_argument("virtual detector '" + detector.name + "' has a centre that is not a number");
  }
}

void draw_mask(const virtual_detector& detector, frame_shape shape, detector_point centre, std::vector<std::uint8_t>& group,
               std::uint8_t bit) {
  if (!detector.mask.empty()) {
    if (detector.mask.size() != shape.pixels()) {
      throw invalid_argument("the mask of virtual detector '" + detector.name + "' has " +
                             std::to_string(detector.mask.size()) + " pixels, the frames have " +
                             std::to_string(shape.pixels()));
    }
    for (std::size_t p = 0; p < group.size(); ++p)
      group[p] = static_cast<std::uint8_t>(group[p] | (detector.mask[p] != 0 ? bit : 0));
    return;
  }
  check(detector);
  const double inner = detector.inner * detector.inner;
  const double outer = detector.outer * detector.outer;
  for_pixels(shape, detector.centre.value_or(centre), [&](std::uint64_t pixel, const offset& from_centre) {
    const double distance = from_centre.squared();
    if (distance >= inner && distance < outer && in_wedge(detector, from_centre)) {
      group[pixel] = static_cast<std::uint8_t>(group[pixel] | bit);
    }
  });
}

/// From the first row with a pixel of the detector to the last.
row_range rows_of(const detector_masks& masks, std::size_t detector) {
  row_range rows{masks.shape.height, 0};
  std::uint64_t pixel = 0;
  for (std::uint32_t row = 0; row < masks.shape.height; ++row) {
    bool any = false;
    for (std::uint32_t column = 0; column < masks.shape.width; ++column) any |= masks.contains(detector, pixel++);
    if (!any) continue;
    rows.first = std::min(rows.first, row);
    rows.end = row + 1;
  }
  return rows.first < rows.end ? rows : row_range{};
}

/// The annulus in float32 arithmetic, if some pair of limits separates its pixels from all others.
std::optional<annulus_test> arithmetic_of(const detector_masks& masks, std::size_t detector, detector_point centre) {
  annulus_test test{static_cast<float>(centre.row), static_cast<float>(centre.column), std::numeric_limits<float>::infinity(),
                    0};
  const auto for_distances = [&](auto visit) {
    std::uint64_t pixel = 0;
    for (std::uint32_t row = 0; row < masks.shape.height; ++row) {
      const float rows = static_cast<float>(row) - test.row;
      for (std::uint32_t column = 0; column < masks.shape.width; ++column, ++pixel) {
        const float columns = static_cast<float>(column) - test.column;
        visit(rows * rows + columns * columns, masks.contains(detector, pixel));
      }
    }
  };
  float largest = 0;
  for_distances([&](float distance, bool inside) {
    if (!inside) return;
    test.inner = std::min(test.inner, distance);
    largest = std::max(largest, distance);
  });
  test.outer = std::nextafter(largest, std::numeric_limits<float>::infinity());
  bool separated = true;
  for_distances([&](float distance, bool inside) { separated &= inside == (distance >= test.inner && distance < test.outer); });
  return separated ? std::optional(test) : std::nullopt;
}

/// What parse_detector takes, as the end of a sentence.
constexpr const char* detector_grammar =
    "expected annulus:R1,R2 or disk:R or wedge:R1,R2,FROM,TO, each with @ROW,COLUMN behind it when its centre is not the "
    "common one";

/// The numbers of "1,2.5,-3".
std::vector<double> parse_numbers(std::string_view list, std::string_view whole) {
  std::vector<double> numbers;
  while (true) {
    const std::size_t end = std::min(list.find(','), list.size());
    double number = 0;
    const auto [stopped, failed] = std::from_chars(list.data(), list.data() + end, number);
    if (failed != std::errc{} || stopped != list.data() + end || !std::isfinite(number)) {
      std::string what;
      if (end == 0) {
        what.append("a number is missing in '").append(whole).append("'");
      } else {
        what.append("'").append(list.substr(0, end)).append("' in '").append(whole).append("' is not a number");
      }
      throw invalid_argument(what + ": " + detector_grammar);
    }
    numbers.push_back(number);
    if (end == list.size()) return numbers;
    list.remove_prefix(end + 1);
  }
}

void check_size(std::uint64_t given, std::uint64_t expected) {
  if (given != expected) {
    throw invalid_argument("a reduction's output has " + std::to_string(given) + " elements, expected " +
                           std::to_string(expected));
  }
}

void check_pixels(std::uint64_t given, frame_shape shape, const std::string& what) {
  if (given != shape.pixels()) {
    throw invalid_argument(what + " has " + std::to_string(given) + " pixels, the frames have " +
                           std::to_string(shape.pixels()));
  }
}

void check_shape(frame_shape map, frame_shape frames) {
  if (map != frames) throw invalid_argument("a detector, weight or ring map was made for frames of another shape");
}

}  // namespace

void validate(const event_view& events) {
  if (events.shape.pixels() > max_pixels) throw invalid_argument("an event grid holds at most 2^32 - 1 pixels");
  if (events.indptr.empty()) throw invalid_argument("events need an indptr of frames + 1 elements, this one is empty");
  if (!std::is_sorted(events.indptr.begin(), events.indptr.end()) || events.indptr.back() > events.indices.size()) {
    throw invalid_argument("the indptr of events must ascend and stay within their number, " +
                           std::to_string(events.indices.size()));
  }
  for (std::size_t f = 0; f < events.frames(); ++f) {
    const auto frame = events.events(f);
    if (frame.empty()) continue;
    bool ascending = true;  // without an early end, so that the compiler can take many at a time
    for (std::size_t i = 1; i < frame.size(); ++i) ascending &= frame[i - 1] <= frame[i];
    if (!ascending) throw invalid_argument("the events of frame " + std::to_string(f) + " of a batch are not sorted");
    if (frame.back() >= events.shape.pixels()) {
      throw invalid_argument("frame " + std::to_string(f) + " of a batch has an event at index " +
                             std::to_string(frame.back()) + ", outside its " + std::to_string(events.shape.pixels()) +
                             " pixels");
    }
  }
}

void event_reducer::load(const event_view& events) {
  validate(events);
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

virtual_detector parse_detector(std::string_view text) {
  const auto fail = [&]() -> invalid_argument {
    return invalid_argument("'" + std::string(text) + "' is no virtual detector: " + detector_grammar);
  };
  virtual_detector detector;
  detector.name = text;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    const auto centre = parse_numbers(rest.substr(at + 1), text);
    if (centre.size() != 2) throw fail();
    detector.centre = {centre[0], centre[1]};
    rest = rest.substr(0, at);
  }
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) throw fail();
  const std::string_view kind = rest.substr(0, colon);
  const auto numbers = parse_numbers(rest.substr(colon + 1), text);
  if (kind == "disk" && numbers.size() == 1) {
    detector.outer = numbers[0];
  } else if ((kind == "annulus" && numbers.size() == 2) || (kind == "wedge" && numbers.size() == 4)) {
    detector.inner = numbers[0];
    detector.outer = numbers[1];
    if (kind == "wedge") {
      detector.from_degrees = numbers[2];
      detector.to_degrees = numbers[3];
    }
  } else {
    throw fail();
  }
  check(detector);
  return detector;
}

detector_masks make_masks(std::span<const virtual_detector> detectors, frame_shape shape, detector_point centre,
                          std::span<const std::uint8_t> excluded) {
  if (!excluded.empty()) check_pixels(excluded.size(), shape, "a mask of excluded pixels");
  detector_masks masks;
  masks.shape = shape;
  masks.detectors = detectors.size();
  for (std::size_t d = 0; d < detectors.size(); ++d) {
    if (d % detector_masks::per_group == 0) masks.groups.emplace_back(shape.pixels(), std::uint8_t{0});
    draw_mask(detectors[d], shape, centre, masks.groups.back(),
              static_cast<std::uint8_t>(1U << (d % detector_masks::per_group)));
    for (std::size_t p = 0; p < excluded.size(); ++p) {
      if (excluded[p] != 0) masks.groups.back()[p] = 0;
    }
    masks.arithmetic.push_back(detectors[d].mask.empty() ? arithmetic_of(masks, d, detectors[d].centre.value_or(centre))
                                                         : std::nullopt);
    masks.rows.push_back(rows_of(masks, d));
  }
  return masks;
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
