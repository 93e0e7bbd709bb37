#include <countem/parallax.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include <countem/centre.hpp>
#include <countem/error.hpp>
#include <countem/result_images.hpp>
#include <countem/scan_reducer.hpp>

#include "host/analysis/bright_field.hpp"
#include "host/analysis/complete_frames.hpp"
#include "host/analysis/group_images.hpp"
#include "host/analysis/shift_fit.hpp"
#include "host/analysis/shift_search.hpp"
#include "host/analysis/tilt_image.hpp"

namespace countem {

namespace {

using namespace analysis;

constexpr unsigned coarse_groups = 13;       ///< along the diameter
constexpr unsigned most_groups = 25;         ///< likewise; images of more need much memory and gain little
constexpr std::uint32_t most_aligned = 256;  ///< positions a side of the fit: its images are held in memory
constexpr std::uint32_t fewest_positions = 16;
constexpr double used_share = 0.95;    ///< of the beam's radius: pixels at the rim are not bright field alone
constexpr double fitted_share = 0.75;  ///< likewise, for displacements: farther out, half of the waves come from one side only
constexpr double found_score = 7;      ///< standard deviations; noise alone has 5 and in one of a hundred scans 6.5

/// At most so many positions, from the middle of the window.
scan_window middle_part(const scan_window& window) {
  scan_window part = window;
  part.height = std::min(window.height, most_aligned);
  part.width = std::min(window.width, most_aligned);
  part.row += (window.height - part.height) / 2;
  part.column += (window.width - part.width) / 2;
  return part;
}

std::vector<std::uint64_t> sum_of_complete(const event_store& store, const scan_window& window,
                                           const reading_options& reading) {
  std::vector<std::uint64_t> sum(store.description().shape.pixels());
  const auto reducer = cpu::make_reducer(reading.threads);
  for_complete_frames(store, window, reading, [&](const event_view& frames, std::uint64_t) {
    reducer->load(frames);
    reducer->add_sum(sum);
  });
  return sum;
}

found_beam disk_of(const event_store& store, const parallax_options& options, std::span<const std::uint64_t> sum) {
  const found_beam beam = options.beam ? *options.beam : find_stored_beam(sum, store.description());
  if (beam.guess) {
    throw invalid_argument("no bright-field disk is found in the summed pattern" +
                           (beam.candidates.empty() ? std::string() : " (" + beam.how + ")") +
                           ": give its centre and its radius");
  }
  return beam;
}

double used_radius(const parallax_options& options, const found_beam& beam, double cell) {
  const double radius = options.bright_field > 0 ? options.bright_field : used_share * beam.radius;
  if (!(radius >= 3 * cell)) {
    throw invalid_argument("tilt-corrected images need a bright-field disk of a radius of 3 pixels or more, this one has " +
                           std::to_string(radius / cell));
  }
  return radius;
}

/// Odd, as many as make displacements within a group about one scan step.
unsigned groups_needed(double rim_shift, double radius_cells) {
  const double most = std::min<double>(most_groups, 2 * radius_cells);
  const double wanted = std::clamp<double>(2 * rim_shift, coarse_groups, std::max<double>(coarse_groups, most));
  return static_cast<unsigned>(wanted) | 1U;
}

double rim_shift(const linear_shifts& shifts, double radius) {
  return (std::abs(shifts.along) + std::abs(shifts.across)) * radius;
}

/// Radians per detector pixel; 0 where it is not known.
double angle_of_pixel(const phase_scale& scale) {
  if (scale.pixel_mrad > 0) return scale.pixel_mrad / 1000;
  if (scale.pixel_per_nm > 0 && scale.voltage_kv > 0) return scale.pixel_per_nm * electron_wavelength_nm(scale.voltage_kv);
  return 0;
}

/// What was given, else what the store knows; the step is that of the store's own positions.
phase_scale scale_of(phase_scale scale, const store_geometry& geometry) {
  if (!(angle_of_pixel(scale) > 0)) scale.pixel_mrad = geometry.pixel_mrad;
  if (!(scale.step_nm > 0)) scale.step_nm = geometry.scan_step_nm;
  scale.step_nm *= geometry.scan_row.step;
  return scale;
}

/// Of cells of which `upsample` fit in a step of the window's positions; in nm where the step is known.
image_axes axes_of(store_geometry geometry, const scan_window& window, std::uint32_t upsample, double step_nm) {
  geometry.scan_row = geometry.scan_row.part(window.row);
  geometry.scan_column = geometry.scan_column.part(window.column);
  if (step_nm > 0 && step_nm != geometry.scan_step_nm) {
    geometry.scan_step_nm = step_nm;
    geometry.scan_origin_nm = {};
  }
  image_axes axes = scan_axes(geometry);
  axes.row.step /= upsample;
  axes.column.step /= upsample;
  return axes;
}

/// From scan steps per power of pixels to nm.
void calibrate(std::vector<aberration>& terms, const phase_scale& scale) {
  for (aberration& term : terms) {
    const double unit = scale.step_nm / std::pow(angle_of_pixel(scale), term.order);
    for (double* const value : {&term.a, &term.b, &term.a_error, &term.b_error}) *value *= unit;
  }
}

void choose_half_turn(fitted_shifts& shifts, double degrees) {
  const double away = std::remainder(shifts.rotation.degrees - degrees, 360);
  if (std::abs(away) > 90) turn_half(shifts);
  shifts.rotation.degrees = std::remainder(shifts.rotation.degrees, 360);
}

fitted_shifts fitted(const event_store& store, const parallax_options& options, const bright_field& disk,
                     parallax_result& result, const reading_options& reading) {
  pixel_groups groups = group_pixels(disk, std::min(coarse_groups, static_cast<unsigned>(2 * disk.radius / disk.cell) | 1U));
  group_images images = read_group_images(store, result.aligned, groups, reading);
  const shift_guess guess = search_shifts(images, groups, options.flip, reading.threads);
  result.score = guess.score;
  result.other_hand_score = guess.other_hand;
  if (!(guess.score >= found_score)) {
    throw format_error("the bright-field images show no displacements that belong together (score " +
                       std::to_string(guess.score) + ", " + std::to_string(found_score) +
                       " is needed): more electrons, more defocus, or a scan with more structure is needed");
  }
  const unsigned across = groups_needed(rim_shift(guess.shifts, disk.radius), disk.radius / disk.cell);
  if (across > coarse_groups) {
    groups = group_pixels(disk, across);
    images = read_group_images(store, result.aligned, groups, reading);
  }
  fitted_shifts shifts = fit_shifts(images, groups, guess.shifts, options.order, reading.threads);
  if (!shifts.converged)
    throw format_error(
        "the fit of aberrations to the displacements of bright-field images does not converge: use fewer orders, "
        "or a scan with more electrons");
  choose_half_turn(shifts, options.rotation_degrees.value_or(0));
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    const pixel_group& group = groups.groups[g];
    result.groups.push_back({group.row, group.column, group.electrons, shifts.measured[g].real(), shifts.measured[g].imag(),
                             shifts.fitted[g].real(), shifts.fitted[g].imag()});
  }
  return shifts;
}

void check(const parallax_options& options, const scan_window& window) {
  static_cast<void>(aberrations_up_to(options.order));
  if (options.upsample == 0 || options.upsample > 64)
    throw invalid_argument("a tilt-corrected image has 1 to 64 cells per scan step, " + std::to_string(options.upsample) +
                           " were given");
  if (std::min(window.height, window.width) < fewest_positions) {
    throw invalid_argument("displacements of bright-field images need a scan of at least 16 x 16 positions, this one has " +
                           std::to_string(window.height) + " x " + std::to_string(window.width));
  }
}

}  // namespace

parallax_result reconstruct_parallax(const event_store& store, const parallax_options& options, const scan_window& window,
                                     const reading_options& reading) {
  validate(window, store.description().scan);
  check(options, window);
  parallax_result result;
  const std::vector<std::uint64_t> sum = sum_of_complete(store, window, reading);
  result.beam = disk_of(store, options, sum);
  const store_geometry& geometry = store.description().geometry;
  result.bright_field = used_radius(options, result.beam, geometry.row.step);
  result.scan = inside(store.description().scan, window);
  result.aligned = middle_part(window);
  result.upsample = options.upsample;
  result.axes = axes_of(geometry, window, options.upsample, options.scale.step_nm);
  const bright_field disk{store.description().shape,
                          {geometry.row.index_of(result.beam.centre.row), geometry.column.index_of(result.beam.centre.column)},
                          result.bright_field,
                          sum,
                          geometry.row.step};
  disk.for_pixels([&](std::uint64_t pixel, double, double) { result.bright_field_electrons += sum[pixel]; });

  bright_field inner = disk;
  inner.radius = std::min(disk.radius, fitted_share * (result.beam.radius > 0 ? result.beam.radius : disk.radius / used_share));
  const fitted_shifts shifts = fitted(store, options, inner, result, reading);
  result.rotation = shifts.rotation;
  result.rotation_error_degrees = shifts.rotation_error_degrees;
  result.measured_error = shifts.measured_error;
  result.aberrations = shifts.aberrations;
  for (int degree = 0; degree < 360; degree += 5) {
    const std::complex<double> rim = std::polar(disk.radius, degree * std::numbers::pi / 180);
    result.largest_shift = std::max(result.largest_shift, std::abs(shifts.at(rim.real(), rim.imag())));
  }
  const phase_scale scale = scale_of(options.scale, geometry);
  result.in_nm = scale.step_nm > 0 && angle_of_pixel(scale) > 0;
  if (result.in_nm) calibrate(result.aberrations, scale);

  tilt_image image(disk, result.scan, options.upsample, [&](double row, double column) { return shifts.at(row, column); });
  for_complete_frames(store, window, reading,
                      [&](const event_view& frames, std::uint64_t first) { image.add(frames, first, reading.threads); });
  result.electrons = image.electrons();
  result.expected = image.expected();
  result.frames = image.frames();
  result.left_out_frames = result.scan.frames() - result.frames;
  return result;
}

}  // namespace countem
