#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <countem/choices.hpp>
#include <countem/found_beam.hpp>
#include <countem/frame.hpp>
#include <countem/phase_options.hpp>
#include <countem/reductions.hpp>
#include <countem/store_geometry.hpp>
#include <countem/types.hpp>

namespace countem {

/// What centres of mass are given relative to.
enum class deflection_origin : std::uint8_t {
  corner,  ///< pixel (0, 0)
  centre,  ///< the plan's centre
  descan,  ///< the plane that fits them best
};

/// Words and help of deflection_origin.
template <>
struct choice_table<deflection_origin> {
  static constexpr std::string_view what = "origin of deflections";  ///< in a sentence
  /// In the order of the enumerators.
  static constexpr std::array<choice<deflection_origin>, 3> entries{
      {{deflection_origin::corner, "corner", "pixel (0, 0)"},
       {deflection_origin::centre, "centre", "the centre of detectors and rings"},
       {deflection_origin::descan, "descan", "the plane over the scan that fits them best"}}};
};

/// What is done with frames that lack a part of the detector.
enum class incomplete_frames : std::uint8_t { keep, skip, scale };

/// Words and help of incomplete_frames.
template <>
struct choice_table<incomplete_frames> {
  static constexpr std::string_view what = "use of incomplete frames";  ///< in a sentence
  /// In the order of the enumerators.
  static constexpr std::array<choice<incomplete_frames>, 3> entries{
      {{incomplete_frames::keep, "keep", "what arrived is counted"},
       {incomplete_frames::skip, "skip", "they are left out whole"},
       {incomplete_frames::scale, "scale", "what arrived is counted and divided by the share of the detector that arrived"}}};
};

/// A weight for each pixel of the detector.
struct weight_map {
  std::string name;              ///< of its image
  std::vector<float> weights;    ///< [pixel]
  std::filesystem::path file{};  ///< read_detector_images() reads the weights from here
};

/// Where events count towards centres of mass, and by how much.
struct event_aperture {
  virtual_detector detector;     ///< events elsewhere do not count
  std::vector<float> weights{};  ///< [pixel], 0 or above: what an event there counts; empty: all in the detector alike
};

/// What to compute from a scan in one pass over its events, and how results are given.
struct reduction_plan {
  bool sum = true;                                       ///< all frames added up
  bool maximum = false;                                  ///< most events of any one frame, per pixel
  bool centre_of_mass = false;                           ///< at each position
  deflection_origin origin = deflection_origin::corner;  ///< of the centres of mass
  std::optional<event_aperture> com_within;              ///< of the centres of mass; unset: all events count
  bool second_moments = false;                           ///< how far the events of each position scatter about their centre
  bool errors = false;                                   ///< a standard error beside each result that has one
  deflection_options deflections;                        ///< what is done with the centres of mass, and with the phase
  bool phase = false;                                    ///< the centres of mass, integrated
  bool radial = false;                                   ///< rings at each position
  bool radial_profile = false;                           ///< rings of all frames added up
  double radial_step = 1;                                ///< width of a ring in pixels
  bool radial_step_in_mrad = false;                      ///< or in mrad
  std::vector<virtual_detector> detectors;               ///< a map of the scan for each
  std::vector<weight_map> weights;                       ///< each of the frame's size
  std::optional<detector_point> centre;                  ///< common centre of detectors and rings; unset: the frame's middle
  std::optional<found_beam> beam{};                      ///< how `centre` was found; unset: it was given
  std::vector<std::filesystem::path> excluded_files;     ///< read_detector_images() makes `excluded` of these
  /// [pixel] not 0: events there count in no detector, ring, weight or centre of mass (a beam stop); empty: none is excluded.
  std::vector<std::uint8_t> excluded;
  /// [pixel] not 0: the calibration masks it, so it has no hits and no part in the mean of a ring; empty: none is masked.
  std::vector<std::uint8_t> masked;
  incomplete_frames incomplete = incomplete_frames::keep;  ///< what is done with frames that lack a sector or were cut short

  /// Whether a result depends on the common centre.
  [[nodiscard]] bool needs_centre() const;
  /// Whether centres of mass depend on the common centre by their origin or aperture.
  [[nodiscard]] bool com_needs_centre() const;
  /// Whether it computes anything besides the counts of each position.
  [[nodiscard]] bool is_empty() const;
};

/// A plan that computes nothing yet, for add_item().
[[nodiscard]] reduction_plan empty_plan();

/// Adds one item to a plan: "sum", "max", "com" or "com:ORIGIN" (a word of deflection_origin), "phase" or
/// "phase:EDGES" (a word of scan_edges), "phase-high-pass:CYCLES", "scan-rotation:auto" or "scan-rotation:DEGREES", "flip" or
/// "flip:no", "descan-from:R0:R1,C0:C1", "pixel-mrad:X", "pixel-per-nm:X", "voltage:KV", "scan-step:NM", "radial" or
/// "radial:STEP", "radial-profile" or "radial-profile:STEP" (pixels, or mrad as "radial:0.5mrad"), "virtual:DETECTOR"
/// (parse_detector), "mask:FILE", "weights:FILE", "exclude:FILE" (images that read_detector_images() reads later),
/// "com-within:DETECTOR" or "com-within:FILE", "second-moments", "errors", "incomplete:WORD" (of incomplete_frames) and
/// "skip-incomplete", its skip.
/// @throws invalid_argument naming the item and what was expected, or an earlier item that contradicts it.
void add_item(reduction_plan& plan, std::string_view item);

/// The items of a list between commas. Text that begins like a number belongs to the item before it, as in
/// "sum,virtual:annulus:60,200@10,20,com". @throws invalid_argument as add_item() and validate() do.
[[nodiscard]] reduction_plan parse_plan(std::string_view items);

/// @throws invalid_argument when the plan contradicts itself: a phase without centres of mass, rings without width.
void validate(const reduction_plan& plan);

/// @throws invalid_argument when a plan names positions that the scan has not.
void validate(const reduction_plan& plan, const scan_shape& scan);

/// Takes the lengths that a phase in radians needs and the plan does not give from the axes of a store, where a voltage is
/// given.
void take_lengths(reduction_plan& plan, const store_geometry& geometry);

/// The geometry with the lengths that the plan gives: scattering angle of a pixel, distance of positions.
[[nodiscard]] store_geometry with_lengths(store_geometry geometry, const reduction_plan& plan);

/// @throws invalid_argument when the width is in mrad and no scattering angle of a pixel is known.
[[nodiscard]] double ring_width_in_pixels(const reduction_plan& plan, const store_geometry& geometry);

/// The plan with its centres, radii and widths of rings in cells of a grid in place of pixels of the detector or mrad: what
/// scan_reducer takes. The plan's own scattering angle of a pixel comes before that of the geometry.
/// @throws invalid_argument when something is in mrad and no such angle is known.
[[nodiscard]] reduction_plan in_cells(reduction_plan plan, const store_geometry& geometry);

/// The files that a plan names, those that folders and names of datasets stand for among them.
[[nodiscard]] std::vector<std::filesystem::path> files_of(const reduction_plan& plan);

/// @throws invalid_argument when no pixel of the mask is 0: nothing would be left to reduce. `name` begins the sentence.
void require_included(std::span<const std::uint8_t> excluded, const std::string& name);

/// Pixels that one of some images of the detector has not 0, for reduction_plan::excluded; empty without images.
/// @throws as open_detector_image() and require_included() do.
[[nodiscard]] std::vector<std::uint8_t> read_excluded(std::span<const std::filesystem::path> files, frame_shape grid);

/// Reads the masks and weights that a plan names by file, for a detector of that shape.
/// @throws as read_excluded() does; invalid_argument when an aperture has a weight below 0 or none above.
void read_detector_images(reduction_plan& plan, frame_shape grid);

/// Sums over the events of one position, weighted by their pixels, of places relative to pixel_near_middle().
struct weighted_moments {
  double weight = 0;         ///< of the events
  double row = 0;            ///< of weight * row
  double column = 0;         ///< of weight * column
  double row_row = 0;        ///< of weight * row * row
  double row_column = 0;     ///< of weight * row * column
  double column_column = 0;  ///< of weight * column * column
};

/// The pixel at or just before the middle of a frame.
[[nodiscard]] constexpr detector_point pixel_near_middle(frame_shape shape) {
  return {static_cast<double>((shape.height - 1) / 2), static_cast<double>((shape.width - 1) / 2)};
}

/// Frames that lack each sector of the detector.
using sector_losses = std::array<std::uint32_t, sectors_per_frame>;

/// What was computed; what the plan did not ask for is empty. Maps are per scan position, row-major, the repeats at a position
/// added up.
struct reduction_result {
  std::vector<std::uint64_t> sum;                          ///< [pixel]
  std::vector<std::uint32_t> maximum;                      ///< [pixel]
  std::vector<std::uint64_t> counts;                       ///< [position]; always there
  std::vector<event_moments> moments;                      ///< [position], in the aperture; unless it has weights
  std::vector<event_second_moments> second_moments;        ///< [position] the same up to second order
  std::vector<weighted_moments> weighted;                  ///< [position] for an aperture with weights
  std::vector<weighted_moments> weighted_squares;          ///< [position] the same with the squares of the weights
  detector_point weighted_origin{};                        ///< of the places in both
  std::vector<std::vector<std::uint64_t>> virtual_images;  ///< [detector][position]
  std::vector<std::vector<double>> weighted_images;        ///< [weight map][position]
  std::vector<std::vector<double>> squared_images;         ///< [weight map][position] sums of squared weights
  std::vector<std::uint64_t> radial;                       ///< [position * rings + ring]
  std::uint32_t rings = 0;                                 ///< rings per position in `radial`
  /// [position]; empty while every frame is whole. Frames that are left out lack all sectors.
  std::vector<sector_losses> lost;
  std::uint64_t frames = 0;             ///< frames seen so far
  std::uint64_t incomplete_frames = 0;  ///< of those, frames that lack a sector or were cut short
  std::uint64_t missing_frames = 0;     ///< of those, frames that never arrived
  std::uint64_t events = 0;             ///< in those frames
  std::uint64_t complete_events = 0;    ///< in those that lack nothing

  /// Events and frames that show the dose: those of complete frames, where there are any, else all that arrived.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> exposed() const {
    const std::uint64_t arrived = frames - missing_frames;
    if (arrived == incomplete_frames) return {events, arrived};
    return {complete_events, arrived - incomplete_frames};
  }
};

}  // namespace countem
