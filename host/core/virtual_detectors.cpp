// Virtual detectors: their text, their units, their pixels.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <string>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "host/core/detector_pixels.hpp"
#include "host/core/detector_rows.hpp"

namespace countem {

namespace {

using core::check_pixels;
using core::offset;

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

void draw_image(const virtual_detector& detector, frame_shape shape, std::vector<std::uint8_t>& group, std::uint8_t bit) {
  check_pixels(detector.mask.size(), shape, "the mask of virtual detector '" + detector.name + "'");
  for (std::size_t p = 0; p < group.size(); ++p)
    group[p] = static_cast<std::uint8_t>(group[p] | (detector.mask[p] != 0 ? bit : 0));
}

/// Returns the arithmetic that names exactly these pixels, where there is one.
std::optional<annulus_test> draw_ring(const virtual_detector& detector, frame_shape shape, detector_point centre,
                                      std::vector<std::uint8_t>& group, std::uint8_t bit) {
  check(detector);
  if (detector.in_mrad)
    throw invalid_argument("virtual detector '" + detector.name + "' has radii in mrad where pixels are due");
  const std::vector<core::ring_row> rows =
      core::ring_rows(shape, centre, detector.inner * detector.inner, detector.outer * detector.outer);
  const bool is_whole = detector.to_degrees - detector.from_degrees >= 360;
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    std::uint8_t* const pixels = group.data() + std::uint64_t{row} * shape.width;
    const auto draw = [&](std::uint32_t first, std::uint32_t end) {
      for (std::uint32_t column = first; column < end; ++column) {
        const offset from_centre{static_cast<double>(row) - centre.row, static_cast<double>(column) - centre.column};
        if (is_whole || in_wedge(detector, from_centre)) pixels[column] = static_cast<std::uint8_t>(pixels[column] | bit);
      }
    };
    draw(rows[row].within.first, rows[row].hole.first);
    draw(rows[row].hole.end, rows[row].within.end);
  }
  return is_whole ? core::ring_arithmetic(rows, shape, centre) : std::nullopt;
}

/// Leaves excluded pixels out of the group; returns whether a detector of these bits had one.
bool leave_out(std::span<const std::uint8_t> excluded, std::vector<std::uint8_t>& group, std::uint8_t bits) {
  std::uint8_t lost = 0;
  for (std::size_t p = 0; p < excluded.size(); ++p) {
    const auto kept = static_cast<std::uint8_t>(excluded[p] != 0 ? 0 : group[p]);
    lost = static_cast<std::uint8_t>(lost | (group[p] ^ kept));
    group[p] = kept;
  }
  return (lost & bits) != 0;
}

/// From the first row with a pixel of the detector to the last.
row_range rows_of(frame_shape shape, const std::vector<std::uint8_t>& group, std::uint8_t bit) {
  const auto has_pixel = [&](std::uint32_t row) {
    const auto first = group.begin() + static_cast<std::ptrdiff_t>(std::uint64_t{row} * shape.width);
    return std::any_of(first, first + shape.width, [&](std::uint8_t bits) { return (bits & bit) != 0; });
  };
  row_range rows{0, shape.height};
  while (rows.first < rows.end && !has_pixel(rows.first)) ++rows.first;
  while (rows.first < rows.end && !has_pixel(rows.end - 1)) --rows.end;
  return rows.first < rows.end ? rows : row_range{};
}

/// What parse_detector takes, as the end of a sentence.
constexpr const char* detector_grammar =
    "expected annulus:R1,R2 or disk:R or wedge:R1,R2,FROM,TO, each with @ROW,COLUMN behind it when its centre is not the "
    "common one; radii in pixels, or in mrad as annulus:10,60mrad";

constexpr std::string_view mrad = "mrad";

/// The numbers of "1,2.5,-3" or of "10,60mrad".
std::vector<detector_length> parse_lengths(std::string_view list, std::string_view whole) {
  std::vector<detector_length> lengths;
  while (true) {
    const std::size_t end = std::min(list.find(','), list.size());
    try {
      lengths.push_back(parse_length(list.substr(0, end), whole));
    } catch (const invalid_argument& failed) {
      throw invalid_argument(std::string(failed.what()) + ": " + detector_grammar);
    }
    if (end == list.size()) return lengths;
    list.remove_prefix(end + 1);
  }
}

}  // namespace

virtual_detector parse_detector(std::string_view text) {
  const auto fail = [&]() -> invalid_argument {
    return invalid_argument("'" + std::string(text) + "' is no virtual detector: " + detector_grammar);
  };
  virtual_detector detector;
  detector.name = text;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    const auto centre = parse_lengths(rest.substr(at + 1), text);
    if (centre.size() != 2 || centre[0].in_mrad || centre[1].in_mrad) throw fail();
    detector.centre = {centre[0].value, centre[1].value};
    rest = rest.substr(0, at);
  }
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) throw fail();
  const std::string_view kind = rest.substr(0, colon);
  const auto numbers = parse_lengths(rest.substr(colon + 1), text);
  if (kind == "disk" && numbers.size() == 1) {
    detector.outer = numbers[0].value;
    detector.in_mrad = numbers[0].in_mrad;
  } else if ((kind == "annulus" && numbers.size() == 2) || (kind == "wedge" && numbers.size() == 4)) {
    detector.inner = numbers[0].value;
    detector.outer = numbers[1].value;
    detector.in_mrad = numbers[0].in_mrad || numbers[1].in_mrad;
    if (kind == "wedge") {
      if (numbers[2].in_mrad || numbers[3].in_mrad) throw fail();
      detector.from_degrees = numbers[2].value;
      detector.to_degrees = numbers[3].value;
    }
  } else {
    throw fail();
  }
  check(detector);
  return detector;
}

virtual_detector in_pixels(virtual_detector detector, double pixel_mrad) {
  const auto radius = [&](double value) { return in_pixels({value, detector.in_mrad}, pixel_mrad, detector.name); };
  detector.inner = radius(detector.inner);
  detector.outer = radius(detector.outer);
  detector.in_mrad = false;
  return detector;
}

detector_length parse_length(std::string_view text, std::string_view whole) {
  detector_length length;
  std::string_view number = text;
  if (number.ends_with(mrad)) {
    length.in_mrad = true;
    number.remove_suffix(mrad.size());
  }
  const char* const end = number.data() + number.size();
  const auto [stopped, failed] = std::from_chars(number.data(), end, length.value);
  if (failed == std::errc{} && stopped == end && std::isfinite(length.value)) return length;
  if (text.empty()) throw invalid_argument("a number is missing in '" + std::string(whole) + "'");
  throw invalid_argument("'" + std::string(text) + "' in '" + std::string(whole) + "' is not a number");
}

double in_pixels(detector_length length, double pixel_mrad, std::string_view whole) {
  if (!length.in_mrad) return length.value;
  if (!(pixel_mrad > 0)) {
    throw invalid_argument("'" + std::string(whole) +
                           "' is in mrad, and the scattering angle of a detector pixel is not known: give it as pixel-mrad");
  }
  return length.value / pixel_mrad;
}

detector_masks make_masks(std::span<const virtual_detector> detectors, frame_shape shape, detector_point centre,
                          std::span<const std::uint8_t> excluded) {
  if (!excluded.empty()) check_pixels(excluded.size(), shape, "a mask of excluded pixels");
  detector_masks masks;
  masks.shape = shape;
  masks.detectors = detectors.size();
  for (std::size_t d = 0; d < detectors.size(); ++d) {
    if (d % detector_masks::per_group == 0) masks.groups.emplace_back(shape.pixels(), std::uint8_t{0});
    std::vector<std::uint8_t>& group = masks.groups.back();
    const auto bit = static_cast<std::uint8_t>(1U << (d % detector_masks::per_group));
    std::optional<annulus_test> arithmetic;
    if (detectors[d].mask.empty()) {
      arithmetic = draw_ring(detectors[d], shape, detectors[d].centre.value_or(centre), group, bit);
    } else {
      draw_image(detectors[d], shape, group, bit);
    }
    if (leave_out(excluded, group, bit)) arithmetic.reset();
    masks.arithmetic.push_back(arithmetic);
    masks.rows.push_back(rows_of(shape, group, bit));
  }
  return masks;
}

}  // namespace countem
