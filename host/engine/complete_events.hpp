#pragma once

#include <countem/counting.hpp>

#include "host/core/frame_status.hpp"

namespace countem::engine {

/// The batch with the events of incomplete frames left out, in `complete`; only events are in it.
inline const event_batch& without_incomplete(const event_batch& batch, event_batch& complete) {
  complete.clear();
  for (std::size_t f = 0; f < batch.frames(); ++f) {
    const auto frame = batch.events(f);
    if (is_complete(batch.status[f])) complete.indices.insert(complete.indices.end(), frame.begin(), frame.end());
    complete.indptr.push_back(complete.indices.size());
  }
  return complete;
}

}  // namespace countem::engine
