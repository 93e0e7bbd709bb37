#include <countem/centre.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <system_error>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/detector_image.hpp>
#include <countem/error.hpp>
#include <countem/scan_reducer.hpp>
#include <countem/store_batches.hpp>

#include "host/core/shape_text.hpp"

namespace countem {

namespace {

constexpr std::uint64_t frames_for_the_centre = 64;

std::optional<detector_point> point_of(const std::string& text) try {
  std::size_t row_end = 0;
  std::size_t column_end = 0;
  const double row = std::stod(text, &row_end);
  if (row_end >= text.size() || text[row_end] != ',') return std::nullopt;
  const double column = std::stod(text.substr(row_end + 1), &column_end);
  const bool ends = row_end + 1 + column_end == text.size();
  if (!ends || !std::isfinite(row) || !std::isfinite(column)) return std::nullopt;
  return detector_point{row, column};
} catch (const std::exception&) {  // not a number
  return std::nullopt;
}

/// Pixels that one or the other mask has.
std::vector<std::uint8_t> either(std::vector<std::uint8_t> mask, std::span<const std::uint8_t> other) {
  if (mask.empty()) return {other.begin(), other.end()};
  if (other.size() != mask.size()) return mask;
  for (std::size_t p = 0; p < mask.size(); ++p) {
    if (other[p] != 0) mask[p] = 1;
  }
  return mask;
}

/// Indices [begin, end).
struct index_span {
  std::size_t begin;
  std::size_t end;
};

/// For each index of an axis, the detector pixels that it touches.
std::vector<index_span> pixels_along(const axis_scale& axis, std::uint32_t indices, std::uint32_t pixels) {
  constexpr double sliver = 1e-9;  // of rounding, that touches nothing
  std::vector<index_span> spans(indices);
  for (std::uint32_t i = 0; i < indices; ++i) {
    const double begin = std::clamp(axis.at(i - 0.5) + 0.5 + sliver, 0.0, static_cast<double>(pixels));
    const double end = std::clamp(axis.at(i + 0.5) + 0.5 - sliver, 0.0, static_cast<double>(pixels));
    spans[i] = {static_cast<std::size_t>(begin), static_cast<std::size_t>(std::ceil(end))};
  }
  return spans;
}

/// Cells along a detector pixel, 1 where it has less than one.
std::uint32_t cells_a_pixel(const store_geometry& geometry) {
  return static_cast<std::uint32_t>(std::max(1.0, std::round(1 / geometry.row.step)));
}

/// In detector pixels, with words of the other disk that may be the beam.
found_beam named_in_pixels(found_beam beam, const store_geometry& geometry) {
  beam = in_pixels(std::move(beam), geometry);
  if (beam.candidates.size() < 2) return beam;
  const beam_candidate& first = beam.candidates[0];
  const beam_candidate& second = beam.candidates[1];
  const std::string other = fmt::format(
      "at row {:.1f}, column {:.1f}, {:.1f} pixels away, with {:.0f} % of its electrons", second.centre.row,
      second.centre.column, std::hypot(second.centre.row - first.centre.row, second.centre.column - first.centre.column),
      100 * second.electrons / first.electrons);
  if (beam.guess)
    beam.how += fmt::format(": one at row {:.1f}, column {:.1f}, another {}", first.centre.row, first.centre.column, other);
  else
    beam.how += " (another disk lies " + other + ")";
  return beam;
}

found_beam beam_of_store(const std::filesystem::path& path, frame_shape grid, unsigned threads) {
  const std::unique_ptr<event_store> store = open_event_store(path);
  const store_description& described = store->description();
  if (described.shape != grid) {
    throw invalid_argument(path.string() + ": the vacuum scan has frames of " + text_of(described.shape) +
                           " pixels, the scan has frames of " + text_of(grid) + "; give one of the same detector and grid");
  }
  scan_reducer reducer(reduction_plan{}, grid, described.scan, backend::cpu, threads);
  reading_options reading;
  reading.threads = threads;
  for_batches(*store, whole(described.scan), reading, [&](const event_batch& events) { reducer.add(events); });
  return find_stored_beam(reducer.result().sum, described, path.filename().string());
}

}  // namespace

centre_choice parse_centre(const std::string& text) {
  if (text == "auto") return {};
  if (const std::optional<detector_point> point = point_of(text)) return {point, {}};
  std::error_code unknown;
  if (!text.empty() && std::filesystem::is_regular_file(text, unknown)) return {{}, text};
  throw invalid_argument("the centre '" + text +
                         "' is neither 'auto' nor of the form ROW,COLUMN, as 287.5,290, nor a file of a vacuum scan");
}

found_beam given_centre(detector_point centre) {
  found_beam beam;
  beam.centre = centre;
  beam.how = "given";
  return beam;
}

std::vector<std::uint8_t> masked_events(const calibration& calibrated, frame_shape grid, const store_geometry& geometry) {
  const frame_shape pixels = calibrated.shape;
  if (calibrated.mask.empty() || calibrated.mask.size() != pixels.pixels()) return {};
  if (pixels == grid) return calibrated.mask;
  if (pixels != geometry.detector) return {};
  const std::vector<index_span> rows = pixels_along(geometry.row, grid.height, pixels.height);
  const std::vector<index_span> columns = pixels_along(geometry.column, grid.width, pixels.width);
  std::vector<std::uint8_t> masked(grid.pixels());
  for (std::size_t cell = 0; cell < masked.size(); ++cell) {
    const index_span& row = rows[cell / grid.width];
    const index_span& column = columns[cell % grid.width];
    for (std::size_t r = row.begin; r < row.end; ++r) {
      for (std::size_t c = column.begin; c < column.end; ++c) masked[cell] |= calibrated.mask[r * pixels.width + c];
    }
  }
  return masked;
}

found_beam in_pixels(found_beam beam, const store_geometry& geometry) {
  const double step = geometry.row.step;
  beam.centre = {geometry.row.at(beam.centre.row), geometry.column.at(beam.centre.column)};
  beam.centre_error = {beam.centre_error.row * step, beam.centre_error.column * step};
  beam.radius *= step;
  beam.radius_error *= step;
  beam.rim_width *= step;
  for (beam_candidate& disk : beam.candidates)
    disk.centre = {geometry.row.at(disk.centre.row), geometry.column.at(disk.centre.column)};
  return beam;
}

found_beam in_cells(found_beam beam, const store_geometry& geometry) {
  store_geometry inverse;
  inverse.row = {geometry.row.index_of(0), 1 / geometry.row.step};
  inverse.column = {geometry.column.index_of(0), 1 / geometry.column.step};
  return in_pixels(std::move(beam), inverse);
}

found_beam find_stored_beam(std::span<const std::uint64_t> sum, const store_description& store, const std::string& where,
                            std::span<const std::uint8_t> excluded) {
  return find_stored_beam(sum, store.shape, store.geometry, masked_events(store.calibrated, store.shape, store.geometry), where,
                          excluded);
}

found_beam find_stored_beam(std::span<const std::uint64_t> sum, frame_shape grid, const store_geometry& geometry,
                            const std::vector<std::uint8_t>& masked, const std::string& where,
                            std::span<const std::uint8_t> excluded) {
  const std::vector<std::uint8_t> left_out = either(masked, excluded);
  return named_in_pixels(find_beam(sum, grid, {left_out, cells_a_pixel(geometry), where}), geometry);
}

found_beam sampled_beam(const frame_source& source, const counting_setup& setup, std::span<const std::uint8_t> excluded) {
  const frame_shape grid = event_grid(setup);
  const std::uint64_t total = source.info().scan.frames();
  const std::uint64_t sampled = std::min(total, frames_for_the_centre);
  const auto counting = cpu::make_counter(setup);
  const auto reducer = cpu::make_reducer(1);
  std::vector<std::uint64_t> sum(grid.pixels());
  frame_batch raw;
  event_batch events;
  for (std::uint64_t i = 0; i < sampled; ++i) {
    source.read(i * total / sampled, 1, raw);
    counting->count(raw.frames, events);
    reducer->load(view_of(events, grid));
    reducer->add_sum(sum);
  }
  const store_geometry geometry = counted_geometry(setup.shape, setup.options.upsample);
  const std::vector<std::uint8_t> masked = either(masked_events(setup.calibrated, grid, geometry), excluded);
  return named_in_pixels(
      find_beam(sum, grid, {masked, setup.options.upsample, "the sum of " + std::to_string(sampled) + " frames"}), geometry);
}

found_beam vacuum_beam(const std::filesystem::path& path, frame_shape grid, const store_geometry& geometry, unsigned threads) {
  found_beam beam;
  if (event_store_output.is_own(path)) {
    beam = beam_of_store(path, grid, threads);
  } else {
    const std::vector<float> image = read_image(*open_detector_image(path, grid, image_role::weights), "vacuum pattern");
    beam = named_in_pixels(find_beam(image, grid, {{}, cells_a_pixel(geometry), path.filename().string()}), geometry);
  }
  if (!beam.candidates.empty() && !beam.found)
    throw invalid_argument(path.string() + ": shows no beam alone (" + beam.how + "); give the centre as ROW,COLUMN");
  if (!beam.found) {
    throw invalid_argument(path.string() +
                           ": shows no beam; give a vacuum scan with more electrons, or the centre as ROW,COLUMN");
  }
  return beam;
}

}  // namespace countem
