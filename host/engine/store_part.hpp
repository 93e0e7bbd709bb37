#pragma once

#include <functional>

#include <countem/event_store.hpp>
#include <countem/store_copy.hpp>

namespace countem::engine {

/// Whether a part of a store keeps all pixels and positions as they are.
[[nodiscard]] bool keeps_all_pixels(const event_store& store, const copy_plan& part);

/// Shows what a part leaves of a store, without what events carry where nothing is merged. @throws as for_copied_batches()
void for_part_batches(const event_store& store, const copy_plan& part, const reading_options& reading,
                      const std::function<void(const event_batch&)>& visit);

}  // namespace countem::engine
