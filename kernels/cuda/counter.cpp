// The host side of counting on a device: who owns what, which stream does what, and what happens when a batch has more events
// than there was room for. Kernels are launched by the stages (batch.hpp); this file needs no nvcc.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <deque>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <countem/append.hpp>
#include <countem/counting.hpp>
#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>

#include "kernels/cuda/batch.hpp"
#include "kernels/cuda/nvtx_range.hpp"
#include "kernels/cuda/reducer.hpp"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

namespace {

/// Raw frames of a batch; later stages look at the raw pixels of hits again, and find them in the device's cache.
constexpr std::size_t batch_bytes = 32 << 20;
constexpr std::size_t most_batch_frames = 4096;

std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) {
  return (a + b - 1) / b;
}

template <class T>
device_buffer<T> upload(const std::vector<T>& values, const cuda_stream& stream) {
  device_buffer<T> uploaded;
  uploaded.reserve(values.size());
  host_transfer().upload(std::span<const T>(values), uploaded.data(), stream);
  return uploaded;
}

/// Masked pixels and those whose gain is unusable.
std::vector<std::uint8_t> pixels_without_charge(const calibration& calibrated) {
  std::vector<std::uint8_t> mask = calibrated.mask;
  if (!calibrated.gain.empty()) mask.resize(calibrated.gain.size(), 0);
  for (std::size_t p = 0; p < calibrated.gain.size(); ++p) {
    if (!is_usable_gain(calibrated.gain[p])) mask[p] |= mask_dead;
  }
  return mask;
}

/// The calibration in device memory, with the limits that follow from it.
class device_calibration {
 public:
  device_calibration(const counting_setup& setup, const cuda_stream& stream)
      : dark16_(upload(setup.calibrated.dark16, stream)),
        gain_(upload(setup.calibrated.gain, stream)),
        mask_(upload(pixels_without_charge(setup.calibrated), stream)),
        pixel_background16_(upload(setup.calibrated.pixel_background16, stream)),
        background16_(setup.calibrated.background16),
        xray16_(setup.calibrated.xray16) {}

  [[nodiscard]] calibration_view view() const {
    return {dark16_.data(), gain_.data(), mask_.data(), pixel_background16_.data(), background16_, xray16_};
  }
  [[nodiscard]] bool same_for_every_pixel() const {
    return dark16_.size() + gain_.size() + mask_.size() + pixel_background16_.size() == 0;
  }

 private:
  device_buffer<std::int32_t> dark16_;
  device_buffer<float> gain_;
  device_buffer<std::uint8_t> mask_;
  device_buffer<std::int32_t> pixel_background16_;
  std::int32_t background16_;
  std::int32_t xray16_;
};

/// What crosses back about a batch before its events do: totals, then where each frame's events begin, then each frame's
/// X-rays.
struct report_layout {
  std::uint32_t* words;
  std::size_t frames;

  [[nodiscard]] batch_totals* totals() const { return reinterpret_cast<batch_totals*>(words); }
  [[nodiscard]] std::uint32_t* indptr() const { return words + sizeof(batch_totals) / sizeof(std::uint32_t); }
  [[nodiscard]] std::uint32_t* xrays() const { return indptr() + frames + 1; }
  static std::size_t size(std::size_t frames) { return sizeof(batch_totals) / sizeof(std::uint32_t) + 2 * frames + 1; }
};

/// What there was room for when a batch was queued.
struct capacities {
  std::uint32_t events = 0;
  std::uint32_t wide = 0;
  std::uint32_t giant = 0;
  bool labels = false;
};

/// What one batch in flight owns.
struct slot {
  slot(std::size_t batch_frames, std::size_t frame_bytes, bool timed)
      : raw(batch_frames * frame_bytes),
        staged_arrivals(batch_frames),
        arrivals(batch_frames),
        report(report_layout::size(batch_frames)),
        report_on_host(report_layout::size(batch_frames)),
        upload_begins(timed),
        uploaded(timed),
        count_begins(timed),
        counted(timed) {}

  pinned_buffer<std::byte> staged;  ///< made when frames first come from other than pinned memory
  device_buffer<std::byte> raw;
  pinned_buffer<std::uint8_t> staged_arrivals;
  device_buffer<std::uint8_t> arrivals;
  device_buffer<std::uint32_t> report;
  pinned_buffer<std::uint32_t> report_on_host;
  device_buffer<std::uint32_t> indices;
  device_buffer<std::uint32_t> values;
  pinned_buffer<std::uint32_t> indices_on_host;
  pinned_buffer<std::uint32_t> values_on_host;
  cuda_event upload_begins;
  cuda_event uploaded;
  cuda_event count_begins;
  cuda_event counted;
  cuda_event reported;
  std::vector<std::uint8_t> status;  ///< of the batch's frames, without status_xray
  capacities room;                   ///< what it was queued with; the counter's may have grown since
};

/// Page-locked memory for raw frames, and where it is.
class pinned_frames final : public frame_memory {
 public:
  explicit pinned_frames(int device) : device_(device) {}

  std::byte* allocate(std::size_t bytes) override {
    const device_scope device(device_);
    pinned_buffer<std::byte> piece(bytes);
    std::byte* const start = piece.data();
    const std::lock_guard held(lock_);
    pieces_.emplace(start, std::move(piece));
    return start;
  }

  void release(std::byte* memory) noexcept override {
    const std::lock_guard held(lock_);
    pieces_.erase(memory);
  }

  [[nodiscard]] bool holds(const std::byte* first, std::size_t bytes) const {
    const std::lock_guard held(lock_);
    const auto after = pieces_.upper_bound(first);
    if (after == pieces_.begin()) return false;
    const auto& [start, piece] = *std::prev(after);
    const auto offset = static_cast<std::size_t>(first - start);
    return offset <= piece.size() && bytes <= piece.size() - offset;
  }

 private:
  int device_;
  mutable std::mutex lock_;
  std::map<const std::byte*, pinned_buffer<std::byte>, std::less<>> pieces_;
};

/// First byte of frames that lie in memory one after the other, nothing missing; null for others.
const std::byte* start_of_contiguous(std::span<const frame_view> frames, std::size_t frame_bytes) {
  if (frames.empty()) return nullptr;
  const std::byte* const start = frames.front().bands[0];
  const std::byte* expected = start;
  for (const frame_view& frame : frames) {
    const std::size_t band_bytes = frame_bytes / frame.band_count;
    for (std::size_t band = 0; band < frame.band_count; ++band) {
      if (frame.present == 0 || frame.bands[band] == nullptr || frame.bands[band] != expected) return nullptr;
      expected += band_bytes;
    }
  }
  return start;
}

/// Memory that only the counting stream touches; batches take turns with it.
struct scratch {
  device_buffer<std::uint32_t> bits;
  device_buffer<std::int32_t> noise16;
  device_buffer<std::uint32_t> counts;
  device_buffer<std::uint32_t> offsets;
  device_buffer<std::byte> scan;
  device_buffer<std::uint32_t> maxima;
  device_buffer<found_event> found;
  device_buffer<sortable_event> bucketed;
  device_buffer<root> wide;
  device_buffer<root> giant;
  device_buffer<giant_sums> giant_totals;
  device_buffer<std::uint32_t> has_giant;
  device_buffer<std::uint32_t> labels;
  device_buffer<std::uint32_t> giant_slots;
};

/// Sizes that follow from the setup alone.
struct batch_sizes {
  explicit batch_sizes(const counting_setup& setup, const device_options& options) {
    const auto [height, width] = setup.shape;
    const std::uint32_t k = setup.options.upsample;
    frame_bytes = setup.shape.pixels() * size_of(setup.type);
    words_per_row = static_cast<std::uint32_t>(divide_up(width, 32));
    words = std::uint64_t{height} * words_per_row;
    grid_width = width * k;
    // About as many buckets as words: rows of the finer grid are cut into fewer pieces.
    segments_per_row = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, divide_up(width, 32 * std::uint64_t{k})));
    segment_width = static_cast<std::uint32_t>(divide_up(grid_width, segments_per_row));
    buckets = std::uint64_t{height} * k * segments_per_row;
    if (setup.options.method != counting_method::cluster) buckets = words;
    const std::size_t wanted = options.batch_frames != 0 ? options.batch_frames : batch_bytes / frame_bytes;
    const auto addressable =
        static_cast<std::size_t>(max_pixels / setup.shape.pixels());  // event numbers of a batch have 32 bits
    frames = std::clamp<std::size_t>(wanted, 1, std::min(most_batch_frames, addressable));
  }

  std::size_t frames = 0;  ///< of a batch, at most
  std::uint64_t frame_bytes = 0;
  std::uint32_t words_per_row = 0;
  std::uint64_t words = 0;
  std::uint32_t grid_width = 0;
  std::uint32_t segments_per_row = 0;
  std::uint32_t segment_width = 0;
  std::uint64_t buckets = 0;
};

const counting_setup& validated(const counting_setup& setup) {
  validate(setup);
  return setup;
}

int device_number(const device_options& options) {
  if (options.batches_in_flight == 0) throw invalid_argument("a device counter needs at least one batch in flight");
  require_device(options.device);
  return static_cast<int>(options.device);
}

class streamed_counter final : public batch_counter {
 public:
  streamed_counter(const counting_setup& setup, const device_options& options)
      : setup_(validated(setup)),
        device_(device_number(options)),
        sizes_(setup, options),
        batches_in_flight_(options.batches_in_flight),
        timed_(options.timed),
        on_device_(std::in_place, device_),
        calibrated_(setup, counting_),
        pinned_(std::make_shared<pinned_frames>(device_)) {
    check(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, device_), "asking for the device's size");
    const std::uint64_t pixels = sizes_.frames * setup_.shape.pixels();
    room_.events = options.event_capacity != 0 ? options.event_capacity : static_cast<std::uint32_t>(pixels / 64 + 1024);
    room_.wide = options.event_capacity != 0 ? options.event_capacity : static_cast<std::uint32_t>(pixels / 256 + 1024);
    room_.giant = room_.wide / 16 + 1;
    find_limits_once();
    reserve_scratch();
    on_device_.reset();
  }

  ~streamed_counter() override {
    // What is still queued uses the buffers that go now; what fails in it has nobody left to tell.
    for (const cuda_stream* stream : {&uploading_, &counting_, &downloading_}) cudaStreamSynchronize(stream->get());
  }

  event_reducer& reducer() override {
    if (collected_ == nullptr)
      throw invalid_argument("a reducer was asked for where no batch was collected since the last submit");
    const device_scope device(device_);
    if (reducer_ == nullptr) reducer_ = std::make_unique<device_reducer>();
    reducer_->load_resident(collected_events_, collected_->indices.data());
    return *reducer_;
  }

  [[nodiscard]] std::size_t batch_frames() const override { return sizes_.frames; }
  [[nodiscard]] std::size_t in_flight() const override { return submitted_.size(); }
  [[nodiscard]] batch_times times() const override { return times_; }
  [[nodiscard]] std::shared_ptr<countem::frame_memory> frame_memory() override { return pinned_; }

  void submit(std::span<const frame_view> frames) override {
    if (frames.size() > sizes_.frames) {
      throw invalid_argument(std::to_string(frames.size()) + " frames were submitted where a batch holds " +
                             std::to_string(sizes_.frames));
    }
    if (submitted_.size() == batches_in_flight_)
      throw invalid_argument("all batches of a device counter are in flight: collect one first");
    for (const frame_view& frame : frames) {
      if (frame.shape != setup_.shape || frame.type != setup_.type) {
        throw invalid_argument("a frame is not of the shape and type that the counter was made for");
      }
    }
    const device_scope device(device_);
    const nvtx_range range("submit batch");
    collected_ = nullptr;
    slot& batch = free_slot();
    note_arrivals(frames, batch);
    const std::byte* const from = in_pinned_memory(frames, batch);
    if (timed_) batch.upload_begins.record(uploading_);
    copy_to_device(from, batch.raw.data(), frames.size() * sizes_.frame_bytes, uploading_);
    copy_to_device(batch.staged_arrivals.data(), batch.arrivals.data(), frames.size(), uploading_);
    batch.uploaded.record(uploading_);
    batch.uploaded.hold(counting_);
    queue_counting(batch);
    submitted_.push_back(&batch);
  }

  void collect(event_batch& out) override {
    if (submitted_.empty()) throw invalid_argument("a batch was to be collected where none was submitted");
    const device_scope device(device_);
    const nvtx_range range("collect batch");
    slot& batch = *submitted_.front();
    batch.reported.synchronize();
    while (had_too_little_room(batch)) {
      queue_counting(batch);
      batch.reported.synchronize();
    }
    fetch_events(batch, out);
    if (timed_)
      times_ = {batch.uploaded.milliseconds_since(batch.upload_begins), batch.counted.milliseconds_since(batch.count_begins)};
    submitted_.pop_front();
    free_.push_back(&batch);
    collected_ = &batch;
    collected_events_ = countem::view_of(out, event_grid(setup_));
  }

 private:
  [[nodiscard]] bool is_cluster() const { return setup_.options.method == counting_method::cluster; }

  /// Slots are made when they are first needed: a counter that is given one batch at a time has only one.
  slot& free_slot() {
    if (free_.empty()) free_.push_back(&slots_.emplace_back(sizes_.frames, sizes_.frame_bytes, timed_));
    slot& batch = *free_.back();
    free_.pop_back();
    return batch;
  }

  void find_limits_once() {
    batch_view view = view_of_calibration();
    limits_ = device_buffer<std::uint32_t>(view.limit_per_pixel ? setup_.shape.pixels() : 1);
    find_limits(view, limits_.data(), counting_.get());
    counting_.synchronize();  // what comes next may fail, and then nobody waits before the memory goes
  }

  void reserve_scratch() {
    scratch_.bits.reserve(sizes_.frames * sizes_.words);
    if (setup_.options.row_noise != row_noise_method::none) scratch_.noise16.reserve(sizes_.frames * setup_.shape.height * 2);
    const std::uint64_t counts = sizes_.frames * sizes_.buckets + 1;
    scratch_.counts.reserve(counts);
    scratch_.offsets.reserve(counts);
    scratch_.scan.reserve(scan_scratch_bytes(counts));
    if (setup_.options.method == counting_method::maximum) scratch_.maxima.reserve(sizes_.frames * sizes_.words);
    if (is_cluster()) scratch_.has_giant.reserve(sizes_.frames);
    reserve_for_capacities();
  }

  void reserve_for_capacities() {
    if (!is_cluster()) return;
    scratch_.found.reserve(room_.events);
    scratch_.bucketed.reserve(room_.events);
    scratch_.wide.reserve(room_.wide);
    scratch_.giant.reserve(room_.giant);
    scratch_.giant_totals.reserve(room_.giant);
    if (!room_.labels) return;
    scratch_.labels.reserve(sizes_.frames * setup_.shape.pixels());
    scratch_.giant_slots.reserve(sizes_.frames * setup_.shape.pixels());
  }

  static void note_arrivals(std::span<const frame_view> frames, slot& batch) {
    batch.status.clear();
    for (std::size_t f = 0; f < frames.size(); ++f) {
      const frame_view& frame = frames[f];
      batch.staged_arrivals.data()[f] = arrival(frame.split, frame.present);
      batch.status.push_back(status_of(frame, 0));
    }
  }

  /// The frames where the device can fetch them: where they are, or gathered band by band into one piece of pinned memory.
  const std::byte* in_pinned_memory(std::span<const frame_view> frames, slot& batch) const {
    const std::byte* const start = start_of_contiguous(frames, sizes_.frame_bytes);
    if (start != nullptr && pinned_->holds(start, frames.size() * sizes_.frame_bytes)) return start;
    const nvtx_range range("gather frames");
    batch.staged.reserve(sizes_.frames * sizes_.frame_bytes);
    for (std::size_t f = 0; f < frames.size(); ++f) {
      const frame_view& frame = frames[f];
      const std::size_t band_bytes = std::size_t{frame.band_height()} * frame.shape.width * size_of(frame.type);
      std::byte* const to = batch.staged.data() + f * sizes_.frame_bytes;
      for (std::size_t band = 0; band < frame.band_count && frame.present != 0; ++band) {
        if (frame.bands[band] != nullptr) std::memcpy(to + band * band_bytes, frame.bands[band], band_bytes);
      }
    }
    return batch.staged.data();
  }

  [[nodiscard]] batch_view view_of_calibration() const {
    batch_view view;
    view.height = setup_.shape.height;
    view.width = setup_.shape.width;
    view.words_per_row = sizes_.words_per_row;
    view.pixels = setup_.shape.pixels();
    view.words = sizes_.words;
    view.type = setup_.type;
    view.calibrated = calibrated_.view();
    view.limits = limits_.data();
    view.limit_per_pixel = !calibrated_.same_for_every_pixel();
    return view;
  }

  [[nodiscard]] batch_view view_of(const slot& batch) const {
    batch_view view = view_of_calibration();
    view.frames = static_cast<std::uint32_t>(batch.status.size());
    view.raw = batch.raw.data();
    view.arrivals = batch.arrivals.data();
    view.row_noise = setup_.options.row_noise;
    view.noise16 = scratch_.noise16.data();
    view.bits = scratch_.bits.data();
    return view;
  }

  [[nodiscard]] event_memory events_of(const slot& batch) const {
    const report_layout report{batch.report.data(), batch.status.size()};
    event_memory events;
    events.options = setup_.options;
    events.grid_width = sizes_.grid_width;
    events.segment_width = sizes_.segment_width;
    events.segments_per_row = sizes_.segments_per_row;
    events.buckets = sizes_.buckets;
    events.counts = scratch_.counts.data();
    events.offsets = scratch_.offsets.data();
    events.maxima = scratch_.maxima.data();
    events.found = scratch_.found.data();
    events.bucketed = scratch_.bucketed.data();
    events.wide = scratch_.wide.data();
    events.wide_capacity = room_.wide;
    events.giant = scratch_.giant.data();
    events.giant_capacity = room_.giant;
    events.labels = scratch_.labels.data();
    events.giant_slots = scratch_.giant_slots.data();
    events.giant_totals = scratch_.giant_totals.data();
    events.has_giant = scratch_.has_giant.data();
    events.totals = report.totals();
    events.indptr = report.indptr();
    events.xrays = report.xrays();
    events.indices = batch.indices.data();
    events.values = batch.values.data();
    events.capacity = room_.events;
    return events;
  }

  [[nodiscard]] bool with_values() const { return setup_.options.values != event_value::none; }

  /// Before memory is given back: other work in flight may use it.
  void wait_for_all() const {
    for (const cuda_stream* stream : {&uploading_, &counting_, &downloading_}) stream->synchronize();
  }

  void make_room_for_events(slot& batch) {
    if (batch.indices.size() >= room_.events) return;
    wait_for_all();
    batch.indices.reserve(room_.events);
    batch.indices_on_host.reserve(room_.events);
    if (!with_values()) return;
    batch.values.reserve(room_.events);
    batch.values_on_host.reserve(room_.events);
  }

  /// Everything from raw pixels on the device to the report on the host.
  void queue_counting(slot& batch) {
    const nvtx_range range("queue counting");
    make_room_for_events(batch);
    batch.room = room_;
    const batch_view view = view_of(batch);
    const event_memory events = events_of(batch);
    const std::uint64_t counts = view.frames * sizes_.buckets + 1;
    const std::size_t report_size = report_layout::size(view.frames);
    if (timed_) batch.count_begins.record(counting_);
    fill_with_zeros(batch.report.data(), report_size, counting_);
    fill_with_zeros(scratch_.counts.data(), counts, counting_);
    if (is_cluster()) fill_with_zeros(scratch_.has_giant.data(), view.frames, counting_);
    if (view.frames != 0) {
      find_hits(view, counting_.get());
      if (is_cluster()) {
        find_components(view, events, multiprocessors_, counting_.get());
      } else {
        count_hit_events(view, events, counting_.get());
      }
      scan_counts(scratch_.scan.data(), scratch_.scan.size(), events.counts, events.offsets, counts, counting_.get());
      place_events(view, events, multiprocessors_, counting_.get());
    }
    batch.counted.record(counting_);
    batch.counted.hold(downloading_);
    copy_to_host(batch.report.data(), batch.report_on_host.data(), report_size, downloading_);
    batch.reported.record(downloading_);
  }

  /// Whether the batch must be counted again; the room it needs is there when this returns.
  bool had_too_little_room(const slot& batch) {
    const batch_totals& totals = *report_layout{batch.report_on_host.data(), batch.status.size()}.totals();
    const std::uint32_t events = std::max(totals.found, totals.events);
    const bool needs_labels = totals.giant != 0;
    if (events <= batch.room.events && totals.wide <= batch.room.wide && totals.giant <= batch.room.giant &&
        (batch.room.labels || !needs_labels)) {
      return false;
    }
    wait_for_all();
    room_.events = std::max(room_.events, events);
    room_.wide = std::max(room_.wide, totals.wide);
    room_.giant = std::max(room_.giant, totals.giant);
    room_.labels = room_.labels || needs_labels;
    reserve_for_capacities();
    return true;
  }

  void fetch_events(slot& batch, event_batch& out) const {
    const std::size_t frames = batch.status.size();
    const report_layout report{batch.report_on_host.data(), frames};
    const std::size_t events = report.totals()->events;
    copy_to_host(batch.indices.data(), batch.indices_on_host.data(), events, downloading_);
    if (with_values()) copy_to_host(batch.values.data(), batch.values_on_host.data(), events, downloading_);
    downloading_.synchronize();
    out.clear();
    out.indptr.assign(report.indptr(), report.indptr() + frames + 1);
    out.indices.assign(batch.indices_on_host.data(), batch.indices_on_host.data() + events);
    if (with_values()) out.values.assign(batch.values_on_host.data(), batch.values_on_host.data() + events);
    out.xrays.assign(report.xrays(), report.xrays() + frames);
    out.status = batch.status;
    for (std::size_t f = 0; f < frames; ++f) {
      if (out.xrays[f] != 0) out.status[f] |= status_xray;
    }
  }

  counting_setup setup_;
  int device_;
  batch_sizes sizes_;
  std::size_t batches_in_flight_;
  bool timed_;
  batch_times times_;
  std::optional<device_scope> on_device_;  ///< while the members below are made
  cuda_stream uploading_;
  cuda_stream counting_;
  cuda_stream downloading_;
  int multiprocessors_ = 0;
  device_calibration calibrated_;
  std::shared_ptr<pinned_frames> pinned_;
  device_buffer<std::uint32_t> limits_;  ///< or floats, for float pixels
  capacities room_;
  scratch scratch_;
  std::deque<slot> slots_;
  std::vector<slot*> free_;
  std::deque<slot*> submitted_;
  slot* collected_ = nullptr;  ///< the last, until its memory goes to another
  event_view collected_events_;
  std::unique_ptr<device_reducer> reducer_;
};

/// A plan without prepared data: each counter works out its own.
class device_plan final : public counting_plan {
 public:
  using counting_plan::counting_plan;

  [[nodiscard]] std::unique_ptr<counter> make_counter() const override { return cuda::make_counter(setup()); }
};

class device_counter final : public counter {
 public:
  device_counter(const counting_setup& setup, const device_options& options, counted_batch_look look)
      : batches_(make_batch_counter(setup, options)), most_in_flight_(options.batches_in_flight), look_(std::move(look)) {}

  void count(std::span<const frame_view> frames, event_batch& out) override {
    while (batches_->in_flight() != 0) batches_->collect(piece_);  // of an earlier call that failed half-way
    out.clear();
    while (!frames.empty() || batches_->in_flight() != 0) {
      while (!frames.empty() && batches_->in_flight() < most_in_flight_) {
        const std::size_t next = std::min(frames.size(), batches_->batch_frames());
        batches_->submit(frames.first(next));
        frames = frames.subspan(next);
      }
      batches_->collect(piece_);
      piece_.first_frame = out.frames();
      if (look_) look_(piece_, batches_->reducer());
      append(out, piece_);
    }
  }

  [[nodiscard]] std::shared_ptr<countem::frame_memory> frame_memory() override { return batches_->frame_memory(); }

 private:
  std::unique_ptr<batch_counter> batches_;
  std::size_t most_in_flight_;
  counted_batch_look look_;
  event_batch piece_;
};

}  // namespace

std::unique_ptr<batch_counter> make_batch_counter(const counting_setup& setup, const device_options& options) {
  return std::make_unique<streamed_counter>(setup, options);
}

std::unique_ptr<counter> make_counter(const counting_setup& setup, const device_options& options, counted_batch_look look) {
  return std::make_unique<device_counter>(setup, options, std::move(look));
}

std::unique_ptr<counter> make_counter(std::shared_ptr<const counting_plan> plan, const device_options& options,
                                      counted_batch_look look) {
  return make_counter(plan->setup(), options, std::move(look));
}

std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup) {
  return std::make_shared<const device_plan>(setup);
}

std::unique_ptr<counter> make_counter(const counting_setup& setup) {
  static std::atomic<unsigned> made{0};
  device_options options;
  if (const unsigned devices = device_count(); devices != 0) options.device = made++ % devices;
  return make_counter(setup, options, {});
}

}  // namespace countem::cuda
