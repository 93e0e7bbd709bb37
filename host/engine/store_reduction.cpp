#include <countem/store_reduction.hpp>

#include <utility>

#include <countem/centre.hpp>
#include <countem/scan_reducer.hpp>

namespace countem {

namespace {

/// What does not depend on the centre; the sum among it shows where the centre is.
reduction_plan without_centre(reduction_plan plan) {
  plan.sum = true;
  plan.detectors.clear();
  plan.radial = false;
  return plan;
}

/// What is left when without_centre() has been computed.
reduction_plan around_centre(reduction_plan plan) {
  plan.sum = plan.maximum = plan.centre_of_mass = plan.radial_profile = false;
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
  if (plan.centre || !plan.needs_centre()) {
    reduced.result = pass(plan);
    return reduced;
  }
  reduced.result = pass(without_centre(plan));
  reduced.plan.beam = find_stored_beam(reduced.result.sum, described);
  reduced.plan.centre = reduced.plan.beam->centre;
  const reduction_plan second = around_centre(reduced.plan);
  if (!second.detectors.empty() || second.radial) {
    reduction_result around = pass(second);
    reduced.result.virtual_images = std::move(around.virtual_images);
    reduced.result.radial = std::move(around.radial);
    reduced.result.rings = around.rings;
  }
  return reduced;
}

}  // namespace countem
