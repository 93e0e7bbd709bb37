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

/// One pass after another over the same frames.
class passes {
 public:
  passes(const event_store& store, const copy_plan& part, backend which, const reading_options& reading)
      : store_(store),
        part_(part),
        which_(which),
        reading_(reading),
        axes_(axes_of_copy(store.description(), part)),
        masked_(masked_in_copy(store.description(), part)) {}

  /// `plan` in detector pixels.
  [[nodiscard]] reduction_result reduce(const reduction_plan& plan) const {
    scan_reducer reducer(in_cells(plan, axes_.geometry), axes_.grid, axes_.scan, which_, reading_.threads);
    const auto add = [&](const event_batch& events) { reducer.add(events); };
    const bool only_positions_go = part_.bin == 1 && part_.scan_bin == 1 && axes_.grid == store_.description().shape;
    if (only_positions_go) {
      for_batches(store_, part_.scan, reading_, add);
    } else {
      for_copied_batches(store_, part_, reading_, add);
    }
    return reducer.take();
  }

  /// On the sum of complete frames: what others lack would move it.
  [[nodiscard]] found_beam find_beam(const reduction_result& known, std::span<const std::uint8_t> excluded) const {
    const std::uint64_t complete = known.frames - known.incomplete_frames - known.missing_frames;
    if (known.incomplete_frames == 0 || complete == 0)
      return find_stored_beam(known.sum, axes_.grid, axes_.geometry, masked_, "the summed pattern", excluded);
    reduction_plan sum_of_complete;
    sum_of_complete.incomplete = incomplete_frames::skip;
    return find_stored_beam(reduce(sum_of_complete).sum, axes_.grid, axes_.geometry, masked_,
                            "the sum of " + std::to_string(complete) + " complete frames", excluded);
  }

  [[nodiscard]] const result_axes& axes() const { return axes_; }
  [[nodiscard]] const std::vector<std::uint8_t>& masked() const { return masked_; }

 private:
  const event_store& store_;
  const copy_plan& part_;
  backend which_;
  const reading_options& reading_;
  result_axes axes_;                  // of the copy
  std::vector<std::uint8_t> masked_;  // in it
};

}  // namespace

found_beam beam_of(const event_store& store, const reduction_result& summed, const reading_options& reading,
                   std::span<const std::uint8_t> excluded) {
  const copy_plan all = whole(store.description());
  return passes(store, all, backend::cpu, reading).find_beam(summed, excluded);
}

copy_plan whole(const store_description& store) {
  return {whole(store.scan), {0, 0, store.shape}, 1, 1};
}

reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                           const reading_options& reading) {
  const passes over(store, part, which, reading);
  reduced_store reduced{{}, plan, over.axes()};
  reduced.axes.geometry = with_lengths(reduced.axes.geometry, plan);
  reduced.plan.masked = over.masked();
  if (plan.centre || !plan.needs_centre()) {
    reduced.result = over.reduce(plan);
    return reduced;
  }
  reduced.result = over.reduce(without_centre(plan));
  reduced.plan.beam = over.find_beam(reduced.result, plan.excluded);
  reduced.plan.centre = reduced.plan.beam->centre;
  const reduction_plan second = around_centre(reduced.plan);
  if (!second.detectors.empty() || second.radial || second.centre_of_mass) {
    reduction_result around = over.reduce(second);
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
