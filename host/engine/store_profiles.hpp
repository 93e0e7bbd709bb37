#pragma once

#include <cstdint>

#include <countem/event_store.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/result_images.hpp>
#include <countem/store_copy.hpp>

namespace countem::engine {

/// Profiles of rings that are read from a store each time they are asked for. `plan`: in detector pixels, with its centre.
/// The store must outlive the source.
[[nodiscard]] profile_source profiles_of_store(const event_store& store, const reduction_plan& plan, const copy_plan& part,
                                               backend which, const reading_options& reading);

/// The rings of such a plan on the grid of the part.
[[nodiscard]] ring_map rings_of(const reduction_plan& plan, const result_axes& axes);

}  // namespace countem::engine
