#include "kernels/cuda/batch_slot.hpp"

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
  frames.clear();
  add(of_batch);
}

void batch_slot::add(std::span<const frame_view> more) {
  for (const frame_view& frame : more) {
    staged_arrivals.data()[frames.size()] = arrival(frame.split, frame.present);
    frames.push_back(frame);
  }
}

const std::byte* batch_slot::gather(const pinned_frames& pinned, const batch_sizes& sizes) {
  const std::byte* const start = start_of_contiguous(frames, sizes.frame_bytes);
  if (start != nullptr && pinned.holds(start, frames.size() * sizes.frame_bytes)) return start;
  const nvtx_range range("gather frames");
  staged.reserve(sizes.frames * sizes.frame_bytes);
  gather_frames(frames, sizes.frame_bytes, staged.data());
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
