#pragma once

#include <optional>

#include <countem/event_store.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/scan_window.hpp>
#include <countem/store_batches.hpp>

namespace countem {

/// What was computed from a finished store.
struct reduced_store {
  reduction_result result;  ///< of the frames in the window
  reduction_plan plan;      ///< with the centre that was used, where a result depends on it
};

/// Reduces the window's frames. A plan that needs a centre and has none gets that of the beam on the sum of the same frames
/// (find_beam; the frame's middle where none is found), for which they are read a second time. `which` must not be automatic.
/// @throws as for_batches() and scan_reducer do.
[[nodiscard]] reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const scan_window& window,
                                         backend which, const reading_options& reading);

}  // namespace countem
