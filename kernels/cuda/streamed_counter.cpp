// The host side of counting on a device: which stream does what, and what happens when a batch has more events than there was
// room for. Kernels are launched by the stages (stages.hpp); this file needs no nvcc.
#include "kernels/cuda/streamed_counter.hpp"

#include <string>
#include <utility>

#include <countem/counting.hpp>
#include <countem/error.hpp>

#include "kernels/cuda/nvtx_range.hpp"
#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

streamed_counter::streamed_counter(std::shared_ptr<const device_plan> plan, const device_options& options)
    : plan_(std::move(plan)),
      device_(static_cast<int>(options.device)),
      sizes_(plan_->setup(), options),
      batches_in_flight_(options.batches_in_flight),
      timed_(options.timed),
      calibrated_(plan_->on_device(device_, counting_)),
      pinned_(std::make_shared<pinned_frames>(device_)),
      room_(first_capacities(sizes_, options.event_capacity)) {
  check(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, device_), "reading the device's size");
  scratch_.reserve(setup(), sizes_);
  scratch_.reserve(setup().options.method, room_, sizes_);
}

streamed_counter::~streamed_counter() {
  // What is still queued uses the buffers that go now. A failure in it has no caller left that could be informed.
  drain();
  for (const batch_slot& slot : slots_) {
    cudaStreamSynchronize(slot.uploading.get());
    cudaStreamSynchronize(slot.downloading.get());
  }
}

event_reducer& streamed_counter::reducer() {
  if (collected_ == nullptr)
    throw invalid_argument("a reducer was asked for where no batch was collected since the last submit");
  const device_scope device(device_);
  if (reducer_ == nullptr) reducer_ = std::make_unique<device_reducer>();
  reducer_->load_resident(collected_events_, collected_->indices.data());
  return *reducer_;
}

void streamed_counter::refuse_unfit(std::span<const frame_view> frames) const {
  require_fit(frames, frames.size());
  if (submitted_.size() == batches_in_flight_)
    throw invalid_argument("all batches of a device counter are in flight: collect one first");
}

void streamed_counter::require_fit(std::span<const frame_view> frames, std::size_t in_batch) const {
  if (in_batch > sizes_.frames) {
    throw invalid_argument(std::to_string(in_batch) + " frames were submitted where a batch holds " +
                           std::to_string(sizes_.frames));
  }
  for (const frame_view& frame : frames) {
    if (frame.shape != setup().shape || frame.type != setup().type) {
      throw invalid_argument("a frame is not of the shape and type that the counter was made for");
    }
  }
}

void streamed_counter::submit(std::span<const frame_view> frames) {
  refuse_unfit(frames);
  const device_scope device(device_);
  const nvtx_range range("submit batch");
  collected_ = nullptr;
  batch_slot& batch = free_slot();
  batch.take(frames);
  const std::byte* const from = batch.gather(*pinned_, sizes_);
  if (timed_) batch.upload_begins.record(batch.uploading);
  copy_to_device(from, batch.raw.data(), frames.size() * sizes_.frame_bytes, batch.uploading);
  queue(batch);
  submitted_.push_back(&batch);
}

void streamed_counter::queue(batch_slot& batch) {
  copy_to_device(batch.staged_arrivals.data(), batch.arrivals.data(), batch.frames.size(), batch.uploading);
  batch.uploaded.record(batch.uploading);
  const std::lock_guard held(lock_);
  batch.uploaded.hold(counting_);
  queue_counting(batch);
}

void streamed_counter::collect(event_batch& out) {
  if (submitted_.empty()) throw invalid_argument("a batch was to be collected where none was submitted");
  const device_scope device(device_);
  const nvtx_range range("collect batch");
  batch_slot& batch = *submitted_.front();
  submitted_.pop_front();  // also where it cannot be collected: the next is another batch
  free_.push_back(&batch);
  finish(batch, out);
  if (timed_)
    times_ = {batch.uploaded.milliseconds_since(batch.upload_begins), batch.counted.milliseconds_since(batch.count_begins)};
  collected_ = &batch;
  collected_events_ = countem::view_of(out, event_grid(setup()));
}

void streamed_counter::finish(batch_slot& batch, event_batch& out) {
  batch.reported.synchronize();
  while (counts_again(batch)) batch.reported.synchronize();
  fetch_events(batch, out);
}

/// Slots are made when they are first needed: a counter that is given one batch at a time has only one.
batch_slot& streamed_counter::free_slot() {
  if (free_.empty()) free_.push_back(&slots_.emplace_back(sizes_, timed_));
  batch_slot& batch = *free_.back();
  free_.pop_back();
  return batch;
}

batch_view streamed_counter::view_of(const batch_slot& batch) const {
  batch_view view;
  view.frames = static_cast<std::uint32_t>(batch.frames.size());
  view.height = setup().shape.height;
  view.width = setup().shape.width;
  view.words_per_row = sizes_.words_per_row;
  view.pixels = sizes_.frame_pixels;
  view.words = sizes_.words;
  view.type = setup().type;
  view.raw = batch.raw.data();
  view.arrivals = batch.arrivals.data();
  view.calibrated = calibrated_->view();
  view.row_noise = setup().options.row_noise;
  view.background = setup().options.background;
  view.noise16 = scratch_.noise16.data();
  view.bits = scratch_.bits.data();
  return view;
}

event_memory streamed_counter::events_of(const batch_slot& batch) const {
  event_memory events;
  events.options = setup().options;
  events.layout = sizes_.layout;
  events.buckets = scratch_.buckets();
  events.maxima = scratch_.maxima.data();
  events.components = scratch_.components(batch.room);
  events.out = batch.output();
  return events;
}

/// Before memory is given back: work in flight may use it. Slots of a feed are not among these: each is in one batch at a time.
void streamed_counter::wait_for_users() const {
  counting_.synchronize();
  for (const batch_slot& slot : slots_) {
    slot.uploading.synchronize();
    slot.downloading.synchronize();
  }
}

/// Everything from raw pixels on the device to the report on the host.
void streamed_counter::queue_counting(batch_slot& batch) {
  const nvtx_range range("queue counting");
  if (batch.indices.size() < room_.events) {
    wait_for_users();
    batch.downloading.synchronize();
    batch.reserve(room_.events, with_values());
  }
  batch.room = room_;
  const std::size_t report_size = report_layout::size(batch.frames.size());
  if (timed_) batch.count_begins.record(counting_);
  fill_with_zeros(batch.report.data(), report_size, counting_);
  queue_stages(view_of(batch), events_of(batch));
  batch.counted.record(counting_);
  batch.counted.hold(batch.downloading);
  copy_to_host(batch.report.data(), batch.report_on_host.data(), report_size, batch.downloading);
  batch.reported.record(batch.downloading);
}

void streamed_counter::queue_stages(const batch_view& view, const event_memory& events) {
  if (view.frames == 0) return;
  const cudaStream_t stream = counting_.get();
  const std::uint64_t counts = view.frames * events.layout.buckets + 1;
  fill_with_zeros(events.buckets.counts, counts, counting_);
  if (is_cluster()) fill_with_zeros(events.components.labels.needed, view.frames, counting_);
  find_hits(view, stream);
  const method_stages method = stages_of(events.options.method);
  method.count(view, events, multiprocessors_, stream);
  scan_counts(scratch_.scan.data(), scratch_.scan.size(), events.buckets.counts, events.buckets.offsets, counts, stream);
  method.place(view, events, multiprocessors_, stream);
  report_events(view, events, stream);
}

/// Queues the batch again, with the room that it needs, where it had too little.
bool streamed_counter::counts_again(batch_slot& batch) {
  const batch_totals& totals = *batch.on_host().totals();
  require_numbers(batch.on_host().counted());
  if (had_room(batch.room, totals)) return false;
  const std::lock_guard held(lock_);
  wait_for_users();
  room_ = grown(room_, totals);
  scratch_.reserve(setup().options.method, room_, sizes_);
  queue_counting(batch);
  return true;
}

void streamed_counter::fetch_events(batch_slot& batch, event_batch& out) const {
  const std::size_t frames = batch.frames.size();
  const report_layout report = batch.on_host();
  const std::size_t events = report.totals()->events;
  copy_to_host(batch.indices.data(), batch.indices_on_host.data(), events, batch.downloading);
  if (with_values()) copy_to_host(batch.values.data(), batch.values_on_host.data(), events, batch.downloading);
  batch.downloading.synchronize();
  out.clear();
  out.indptr.assign(report.indptr(), report.indptr() + frames + 1);
  out.indices.assign(batch.indices_on_host.data(), batch.indices_on_host.data() + events);
  if (with_values()) out.values.assign(batch.values_on_host.data(), batch.values_on_host.data() + events);
  out.xrays.assign(report.xrays(), report.xrays() + frames);
  for (std::size_t f = 0; f < frames; ++f) out.status.push_back(status_of(batch.frames[f], out.xrays[f]));
}

}  // namespace countem::cuda
