#include <countem/store_reduction.hpp>

#include <countem/reduction_passes.hpp>
#include <countem/scan_reducer.hpp>

namespace countem {

reduction_result reduce_pass(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                             const reading_options& reading) {
  const result_axes axes = axes_of_copy(store.description(), part);
  scan_reducer reducer(in_cells(plan, axes.geometry), axes.grid, axes.scan, which, reading.threads);
  const auto add = [&](const event_batch& events) { reducer.add(events); };
  const bool only_positions_go = part.bin == 1 && part.scan_bin == 1 && axes.grid == store.description().shape;
  if (only_positions_go) {
    for_batches(store, part.scan, reading, add);
  } else {
    for_copied_batches(store, part, reading, add);
  }
  return reducer.take();
}

found_beam beam_of(const event_store& store, const reduction_result& summed, const reading_options& reading,
                   std::span<const std::uint8_t> excluded) {
  const copy_plan all = whole(store.description());
  reduction_plan plan;
  plan.excluded.assign(excluded.begin(), excluded.end());
  return beam_in_passes(plan, axes_of_copy(store.description(), all), masked_in_copy(store.description(), all), summed,
                        [&](const reduction_plan& asked, reduction_pass pass) {
                          return reduce_pass(store, plan_of_pass(asked, pass), all, backend::cpu, reading);
                        });
}

reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                           const reading_options& reading) {
  return reduce_in_passes(plan, axes_of_copy(store.description(), part), masked_in_copy(store.description(), part),
                          [&](const reduction_plan& asked, reduction_pass pass) {
                            return reduce_pass(store, plan_of_pass(asked, pass), part, which, reading);
                          });
}

copy_plan whole(const store_description& store) {
  return {whole(store.scan), {0, 0, store.shape}, 1, 1};
}

}  // namespace countem
