#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include <countem/event_store.hpp>
#include <countem/frame_range.hpp>
#include <countem/scan_window.hpp>

namespace countem {

/// How a store is read, in bounded memory whatever its size.
struct reading_options {
  unsigned threads = 0;                     ///< 0: all cores
  const std::atomic<bool>* stop = nullptr;  ///< raised by the caller to end early
  std::function<void()> after_batch;        ///< called now and then; what it throws ends the reading
  /// Of the frames that are to be read, those to read now, numbered within them; unset: all. Not where positions are merged or
  /// events carry values.
  std::optional<frame_range> only{};
};

/// Calls `visit` with batch after batch of the window's frames, in order; first_frame counts within the window.
/// @throws invalid_argument when the window reaches beyond the scan, format_error naming a damaged frame, interrupted.
void for_batches(const event_store& store, const scan_window& window, const reading_options& options,
                 const std::function<void(const event_batch&)>& visit);

}  // namespace countem
