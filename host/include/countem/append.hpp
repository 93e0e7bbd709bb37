#pragma once

#include <cstddef>
#include <cstdint>

#include <countem/counting.hpp>

namespace countem {

/// Adds the frames of `next`, which follow those of `batch`.
inline void append(event_batch& batch, const event_batch& next) {
  const std::uint64_t before = batch.indptr.back();
  for (std::size_t frame = 1; frame < next.indptr.size(); ++frame) batch.indptr.push_back(before + next.indptr[frame]);
  batch.indices.insert(batch.indices.end(), next.indices.begin(), next.indices.end());
  batch.values.insert(batch.values.end(), next.values.begin(), next.values.end());
  batch.xrays.insert(batch.xrays.end(), next.xrays.begin(), next.xrays.end());
  batch.status.insert(batch.status.end(), next.status.begin(), next.status.end());
}

}  // namespace countem
