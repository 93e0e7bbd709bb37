#include "kernels/cuda/batch_slot.hpp"

#include <cstring>

#include "kernels/cuda/batch.hpp"
#include "kernels/cuda/nvtx_range.hpp"

namespace countem::cuda {

batch_slot::batch_slot(const batch_sizes& sizes, bool timed)
    : raw(sizes.frames * sizes.frame_bytes),
      staged_arrivals(sizes.frames),
      arrivals(sizes.frames),
      report(report_layout::size(sizes.frames)),
      report_on_host(report_layout::size(sizes.frames)),
      upload_begins(timed),
      uploaded(timed),
      count_begins(timed),
      counted(timed) {}

void batch_slot::take(std::span<const frame_view> of_batch) {
  frames.assign(of_batch.begin(), of_batch.end());
  for (std::size_t f = 0; f < frames.size(); ++f) staged_arrivals.data()[f] = arrival(frames[f].split, frames[f].present);
}

const std::byte* batch_slot::gather(const pinned_frames& pinned, const batch_sizes& sizes) {
  const std::byte* const start = start_of_contiguous(frames, sizes.frame_bytes);
  if (start != nullptr && pinned.holds(start, frames.size() * sizes.frame_bytes)) return start;
  const nvtx_range range("gather frames");
  staged.reserve(sizes.frames * sizes.frame_bytes);
  for (std::size_t f = 0; f < frames.size(); ++f) {
    const frame_view& frame = frames[f];
    const std::size_t band_bytes = sizes.frame_bytes / frame.band_count;
    std::byte* const to = staged.data() + f * sizes.frame_bytes;
    for (std::size_t band = 0; band < frame.band_count && frame.present != 0; ++band) {
      if (frame.bands[band] != nullptr) std::memcpy(to + band * band_bytes, frame.bands[band], band_bytes);
    }
  }
  return staged.data();
}

void batch_slot::reserve(std::uint32_t events, bool with_values) {
  indices.reserve(events);
  indices_on_host.reserve(events);
  if (!with_values) return;
  values.reserve(events);
  values_on_host.reserve(events);
}

event_output batch_slot::output() const {
  event_output out;
  out.totals = on_device().totals();
  out.counted = on_device().counted().data();
  out.indptr = on_device().indptr();
  out.xrays = on_device().xrays();
  out.indices = indices.data();
  out.values = values.data();
  out.capacity = room.events;
  return out;
}

}  // namespace countem::cuda
