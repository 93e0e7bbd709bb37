#include "host/analysis/complete_frames.hpp"

#include <algorithm>

#include "host/core/frame_status.hpp"

namespace countem::analysis {

void for_complete_frames(const event_store& store, const scan_window& window, const reading_options& reading,
                         const visit_frames& visit) {
  const frame_shape shape = store.description().shape;
  for_batches(store, window, reading, [&](const event_batch& batch) {
    const auto begin = batch.status.begin();
    for (auto first = begin; first != batch.status.end();) {
      first = std::find_if(first, batch.status.end(), is_complete);
      const auto end = std::find_if_not(first, batch.status.end(), is_complete);
      if (first == end) continue;
      event_view frames = view_of(batch, shape);
      const auto at = static_cast<std::size_t>(first - begin);
      frames.indptr = frames.indptr.subspan(at, static_cast<std::size_t>(end - first) + 1);
      visit(frames, batch.first_frame + at);
      first = end;
    }
  });
}

}  // namespace countem::analysis
