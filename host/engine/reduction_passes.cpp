#include <countem/reduction_passes.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include <countem/centre.hpp>
#include <countem/error.hpp>

#include "host/engine/common_centre.hpp"

namespace countem {

namespace {

/// Whether events are chosen for centres of mass by the centre.
bool is_aperture_around_centre(const reduction_plan& plan) {
  return plan.centre_of_mass && plan.com_within && is_around_common_centre(plan.com_within->detector);
}

/// What does not depend on the centre; the sum among it shows where the centre is.
reduction_plan without_centre(reduction_plan plan) {
  plan.sum = true;
  plan.detectors.clear();
  plan.radial = false;
  if (is_aperture_around_centre(plan)) plan.centre_of_mass = false;
  return plan;
}

/// What is left when without_centre() has been computed.
reduction_plan around_centre(reduction_plan plan) {
  plan.sum = plan.maximum = plan.radial_profile = false;
  if (!is_aperture_around_centre(plan)) plan.centre_of_mass = false;
  plan.weights.clear();
  return plan;
}

reduction_plan sum_of_complete() {
  reduction_plan plan;
  plan.incomplete = incomplete_frames::skip;
  return plan;
}

[[noreturn]] void throw_not_following() {
  throw invalid_argument("results of different reductions cannot follow one another");
}

/// Images of the detector: of the same pixels.
template <class T, class Merge>
void merge_pixels(std::vector<T>& all, const std::vector<T>& next, const Merge& merge) {
  if (all.size() != next.size()) throw_not_following();
  std::ranges::transform(all, next, all.begin(), merge);
}

template <class T>
void append_positions(std::vector<T>& all, const std::vector<T>& next) {
  all.insert(all.end(), next.begin(), next.end());
}

template <class T>
void append_maps(std::vector<std::vector<T>>& all, const std::vector<std::vector<T>>& next) {
  if (all.size() != next.size()) throw_not_following();
  for (std::size_t map = 0; map < all.size(); ++map) append_positions(all[map], next[map]);
}

}  // namespace

reduction_plan plan_of_pass(const reduction_plan& plan, reduction_pass pass) {
  switch (pass) {
    case reduction_pass::without_centre: return without_centre(plan);
    case reduction_pass::complete_frames: return sum_of_complete();
    case reduction_pass::around_centre: return around_centre(plan);
    case reduction_pass::everything: break;
  }
  return plan;
}

found_beam beam_in_passes(const reduction_plan& plan, const result_axes& axes, const std::vector<std::uint8_t>& masked,
                          const reduction_result& known, const run_pass& run) {
  const std::uint64_t complete = known.frames - known.incomplete_frames - known.missing_frames;
  if (known.incomplete_frames == 0 || complete == 0)
    return find_stored_beam(known.sum, axes.grid, axes.geometry, masked, "the summed pattern", plan.excluded);
  return find_stored_beam(run(plan, reduction_pass::complete_frames).sum, axes.grid, axes.geometry, masked,
                          "the sum of " + std::to_string(complete) + " complete frames", plan.excluded);
}

reduced_store reduce_in_passes(const reduction_plan& plan, const result_axes& axes, std::vector<std::uint8_t> masked,
                               const run_pass& run) {
  reduced_store reduced{{}, plan, axes};
  reduced.axes.geometry = with_lengths(reduced.axes.geometry, plan);
  reduced.plan.masked = std::move(masked);
  if (plan.centre || !plan.needs_centre()) {
    reduced.result = run(plan, reduction_pass::everything);
    return reduced;
  }
  reduced.result = run(plan, reduction_pass::without_centre);
  reduced.plan.beam = beam_in_passes(plan, axes, reduced.plan.masked, reduced.result, run);
  reduced.plan.centre = reduced.plan.beam->centre;
  const reduction_plan second = around_centre(reduced.plan);
  if (!second.detectors.empty() || second.radial || second.centre_of_mass) {
    reduction_result around = run(reduced.plan, reduction_pass::around_centre);
    if (second.centre_of_mass) {
      reduced.result.moments = std::move(around.moments);
      reduced.result.second_moments = std::move(around.second_moments);
    }
    reduced.result.virtual_images = std::move(around.virtual_images);
    reduced.result.radial = std::move(around.radial);
    reduced.result.rings = around.rings;
  }
  return reduced;
}

void append(reduction_result& all, const reduction_result& next) {
  if (all.rings != next.rings || all.weighted_origin != next.weighted_origin) throw_not_following();
  merge_pixels(all.sum, next.sum, [](std::uint64_t one, std::uint64_t other) { return one + other; });
  merge_pixels(all.maximum, next.maximum, [](std::uint32_t one, std::uint32_t other) { return std::max(one, other); });
  const bool something_lacks = !all.lost.empty() || !next.lost.empty();
  if (something_lacks) {
    all.lost.resize(all.counts.size());
    append_positions(all.lost, next.lost);
  }
  append_positions(all.counts, next.counts);
  if (something_lacks) all.lost.resize(all.counts.size());
  append_positions(all.moments, next.moments);
  append_positions(all.second_moments, next.second_moments);
  append_positions(all.weighted, next.weighted);
  append_positions(all.weighted_squares, next.weighted_squares);
  append_positions(all.radial, next.radial);
  append_maps(all.virtual_images, next.virtual_images);
  append_maps(all.weighted_images, next.weighted_images);
  append_maps(all.squared_images, next.squared_images);
  all.frames += next.frames;
  all.incomplete_frames += next.incomplete_frames;
  all.missing_frames += next.missing_frames;
  all.events += next.events;
  all.complete_events += next.complete_events;
}

}  // namespace countem
