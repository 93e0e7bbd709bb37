#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/reductions.hpp>
#include <countem/scan_window.hpp>
#include <countem/store_batches.hpp>

namespace countem::analysis {

/// Consecutive frames that arrived whole, and the number of the first within the window.
using visit_frames = std::function<void(const event_view&, std::uint64_t)>;

/// Calls `visit` with the frames of the window that lack no part of the detector, in order.
/// @throws as for_batches() does.
void for_complete_frames(const event_store& store, const scan_window& window, const reading_options& reading,
                         const visit_frames& visit);

}  // namespace countem::analysis
