#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <countem/counting.hpp>
#include <countem/reductions.hpp>

namespace countem::parity {

/// Events and everything that reductions of them are asked for.
struct reduction_case {
  frame_shape shape{};
  event_batch batch;
  detector_masks masks;
  detector_masks aperture;  ///< one detector
  weight_image weights;
  ring_map rings;
  std::uint32_t factor = 1;
  detector_window window;
};

/// A case that depends on the seed alone: any frame size, frames without events, repeated indices, up to ten detectors.
[[nodiscard]] reduction_case random_reduction_case(std::uint64_t seed);

/// One thing that reducers are asked for, and whether two that have loaded the same `frames` frames answer alike.
struct reduction_stage {
  const char* name;
  std::function<bool(event_reducer& tested, event_reducer& reference, std::size_t frames)> equal;
};
/// The case outlives them.
[[nodiscard]] std::vector<reduction_stage> stages_of(const reduction_case& drawn);

/// The stage in which the tested reducer's result is not the reference's; empty when there is none. `events` is the case's
/// batch or a slice of it.
[[nodiscard]] std::string compare_with_reference(const reduction_case& drawn, const event_view& events, event_reducer& tested);

}  // namespace countem::parity
