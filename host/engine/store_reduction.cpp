#include <countem/store_reduction.hpp>

#include <utility>

#include <countem/centre.hpp>
#include <countem/scan_reducer.hpp>

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

}  // namespace

reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const scan_window& window, backend which,
                           const reading_options& reading) {
  const store_description& described = store.description();
  const auto pass = [&](const reduction_plan& part) {
    scan_reducer reducer(part, described.shape, inside(described.scan, window), which, reading.threads);
    for_batches(store, window, reading, [&](const event_batch& events) { reducer.add(events); });
    return reducer.result();
  };
  reduced_store reduced{{}, plan};
  reduced.plan.masked = masked_events(described.calibrated, described.shape, described.options.upsample);
  if (plan.centre || !plan.needs_centre()) {
    reduced.result = pass(plan);
    return reduced;
  }
  reduced.result = pass(without_centre(plan));
  reduced.plan.beam = find_stored_beam(reduced.result.sum, described, "the summed pattern", plan.excluded);
  reduced.plan.centre = reduced.plan.beam->centre;
  const reduction_plan second = around_centre(reduced.plan);
  if (!second.detectors.empty() || second.radial || second.centre_of_mass) {
    reduction_result around = pass(second);
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

}  // namespace countem
