#pragma once

#include <cstdint>
#include <vector>

#include <countem/counting.hpp>

namespace countem {

/// A batch of complete frames with these events.
inline event_batch batch_of(const std::vector<std::vector<std::uint32_t>>& frames) {
  event_batch batch;
  for (const auto& frame : frames) {
    batch.indices.insert(batch.indices.end(), frame.begin(), frame.end());
    batch.indptr.push_back(batch.indices.size());
    batch.xrays.push_back(0);
    batch.status.push_back(all_sectors);
  }
  return batch;
}

}  // namespace countem
