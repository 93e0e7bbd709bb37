// frame_source -> counter -> event_sink, every stage at the same time.
//
//   number batches | read and count | observe | encode   | write, inspect, report
//   serial         | parallel       | serial  | parallel | serial, in frame order
//
// A worker counts frames where the page cache holds them, or reads a few, counts them while they are in its own cache, and
// reads on, whichever is faster; a token that travels down the pipeline holds only events. A third way is to feed a device: the
// worker reads frames into one of its slots and waits for their events. Devices start while others count, and a worker that
// finds no free slot, or is faster without, counts itself: so a device can only help. Memory is bounded by threads * frames of
// a piece (read) or a batch (mapped) + tokens * events of a batch, whatever the size of the scan.
#include <countem/append.hpp>
#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/pipeline.hpp>
#include <countem/threads.hpp>

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "host/engine/batch_policy.hpp"
#include "host/engine/faster_way.hpp"
#include "host/engine/fed_devices.hpp"
#include "host/engine/frame_reductions.hpp"

namespace countem {

namespace {

/// What travels down the pipeline. An error travels too, so that everything before it is written first.
struct token {
  std::uint64_t first_frame = 0;
  std::size_t frames = 0;
  event_batch events;
  std::unique_ptr<frame_reductions> reduced;  ///< on the device that counted it
  std::unique_ptr<event_sink::encoded> encoded;
  std::exception_ptr error;
};

/// What one worker thread owns.
struct worker {
  frame_batch raw;
  std::unique_ptr<counter> counting;
  event_batch piece;
};

class pipeline {
  using item = std::shared_ptr<token>;

 public:
  pipeline(const frame_source& source, const counting_setup& setup, event_sink& sink, const pipeline_options& options)
      : source_(source), sink_(sink), options_(options) {
    validate(setup);
    require_usable_pixels(setup.calibrated);
    result_.used = choose_backend(options.where, options.devices).used;
    const source_info& info = source.info();
    if (info.shape != setup.shape || info.type != setup.type) {
      throw invalid_argument("the frames are not of the shape and type that the counter was set up for");
    }
    frames_ = info.scan.frames();
    end_ = options.next_range ? 0 : std::min(options.end_frame, frames_);
    next_ = std::min(options.first_frame, end_);
    if (options.first_frame > options.end_frame) {
      throw invalid_argument("frames from " + std::to_string(options.first_frame) + " up to " +
                             std::to_string(options.end_frame) + " are no range of frames");
    }
    expected_frames_ = options.next_range ? frames_ / std::max(1U, options.sharers) : end_ - next_;
    threads_ = options.threads != 0 ? options.threads : usable_threads();
    const engine::batch_sizes sizes = engine::choose_batch_sizes({.frame_bytes = setup.shape.pixels() * size_of(setup.type),
                                                                  .frames = expected_frames_,
                                                                  .threads = threads_,
                                                                  .on_device = devices_alone(),
                                                                  .asked_batch_frames = options.batch_frames});
    batch_frames_ = sizes.batch_frames;
    piece_frames_ = sizes.piece_frames;
    if (!devices_alone()) plan_ = make_plan(processor(), setup);
    if (result_.used == backend::cuda) start_devices(setup);
  }
  pipeline(const pipeline&) = delete;
  pipeline& operator=(const pipeline&) = delete;
  ~pipeline() {
    if (options_.live != nullptr) options_.live->set_patterns_elsewhere(nullptr);
  }

  count_result run() {
    using oneapi::tbb::filter_mode;
    using oneapi::tbb::make_filter;
    const std::size_t tokens = 2 * threads_ + 2;
    // More threads than cores is the caller's choice: slow storage may want it.
    const oneapi::tbb::global_control allow(oneapi::tbb::global_control::max_allowed_parallelism, threads_);
    oneapi::tbb::task_arena arena(static_cast<int>(threads_));
    arena.execute([&] {
      oneapi::tbb::parallel_pipeline(
          tokens,
          make_filter<void, item>(filter_mode::serial_in_order,
                                  [this](oneapi::tbb::flow_control& flow) { return next(flow); }) &
              make_filter<item, item>(filter_mode::parallel, [this](item it) { return guarded(it, &pipeline::count); }) &
              make_filter<item, item>(filter_mode::serial_in_order, [this](item it) { return observe_unless_ended(it); }) &
              make_filter<item, item>(filter_mode::parallel, [this](item it) { return guarded(it, &pipeline::encode); }) &
              make_filter<item, void>(filter_mode::serial_in_order, [this](const item& it) { write_unless_failed(*it); }));
    });
    if (error_ != nullptr) std::rethrow_exception(error_);
    if (devices_ != nullptr && options_.live != nullptr) options_.live->add_patterns(devices_patterns());
    result_.device_frames = device_frames_;
    if (!devices_alone() && result_.device_frames == 0) result_.used = processor();
    result_.seconds = elapsed();
    result_.stopped = stopped_;
    result_.issues = changed_inputs(source_.info().files);
    return result_;
  }

 private:
  item next(oneapi::tbb::flow_control& flow) {
    stopped_ = options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
    if (next_ == end_ && options_.next_range && !stopped_ && !failed_.load(std::memory_order_relaxed)) {
      auto asked = guarded(std::make_shared<token>(), &pipeline::take_range);
      if (asked->error != nullptr) return asked;
    }
    if (next_ == end_ || stopped_ || failed_.load(std::memory_order_relaxed)) {
      // A flag that is raised after the last batch stops nothing.
      stopped_ = stopped_ && (next_ != end_ || options_.next_range);
      flow.stop();
      return nullptr;
    }
    auto it = std::make_shared<token>();
    it->first_frame = next_;
    it->frames = static_cast<std::size_t>(std::min<std::uint64_t>(batch_frames_, end_ - next_));
    next_ += it->frames;
    return it;
  }

  /// The frames to count next; none: the count ends.
  void take_range(token& /*unused*/) {
    const frame_range next = options_.next_range(batch_frames_);
    if (next.frames() == 0) return;
    if (next.first < end_ || next.first > next.end || next.end > frames_) {
      throw invalid_argument("frames from " + std::to_string(next.first) + " up to " + std::to_string(next.end) +
                             " do not follow those before, or are not all inside the scan");
    }
    next_ = next.first;
    end_ = next.end;
  }

  /// Runs a stage unless an earlier one failed; keeps what it throws for the last stage.
  item guarded(item it, void (pipeline::*stage)(token&)) {
    if (it->error == nullptr) {
      try {
        (this->*stage)(*it);
      } catch (...) {
        it->error = std::current_exception();
        failed_ = true;
      }
    }
    return it;
  }

  /// Devices were asked for: nothing else counts.
  [[nodiscard]] bool devices_alone() const { return options_.where == backend::cuda; }
  /// What counts beside devices, or without.
  [[nodiscard]] backend processor() const { return options_.where == backend::reference ? backend::reference : backend::cpu; }

  void start_devices(const counting_setup& setup) {
    batch_frames_ = std::min(batch_frames_, engine::most_device_frames(setup.shape));
    engine::fed_devices::wishes wanted;
    wanted.devices = options_.devices;
    if (wanted.devices.empty()) {
      for (unsigned number = 0; number < cuda::device_count(); ++number) wanted.devices.push_back(number);
    }
    const auto devices = static_cast<unsigned>(wanted.devices.size());
    wanted.alone = devices_alone();
    wanted.each.batch_frames = batch_frames_;
    if (wanted.alone) wanted.each.slots = (threads_ + devices - 1) / devices;
    if (options_.live != nullptr) {
      wanted.each.keeps_sum = !options_.live->result().sum.empty();
      wanted.each.keeps_maximum = !options_.live->result().maximum.empty();
    }
    wanted.worth_starting = [this] {
      return engine::is_worth_starting(elapsed(), counted_.load(std::memory_order_relaxed), expected_frames_,
                                       options_.devices_start_for_s);
    };
    devices_ = std::make_unique<engine::fed_devices>(setup, std::move(wanted));
    if (options_.live != nullptr) options_.live->set_patterns_elsewhere(devices_patterns());
  }

  [[nodiscard]] scan_reducer::pattern_reader devices_patterns() {
    return [this](std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum) { devices_->read_patterns(sum, maximum); };
  }

  void count(token& it) {
    it.events.first_frame = it.first_frame;
    if (devices_alone()) {
      static_cast<void>(feed(it, devices_->take()));
      return;
    }
    const double start = elapsed();
    auto slot = devices_ != nullptr ? devices_->try_take() : std::nullopt;
    std::size_t way = choose_way(slot.has_value());
    if (way == fed && !feed(it, std::move(*slot))) way = choose_way(false);
    slot.reset();
    if (way != fed) count_here(it, way);
    way_.took(way, (elapsed() - start) / static_cast<double>(it.frames));
    counted_.fetch_add(it.frames, std::memory_order_relaxed);
  }

  /// For the cpu backend it depends on the processor, on how large the pieces are in which the page cache holds the frames, and
  /// on how many events a device is spared. The reference backend wants frames that do not change.
  std::size_t choose_way(bool slot_is_free) {
    if (processor() == backend::reference) return copied;
    return way_.next(slot_is_free ? way_.all : way_.all & ~(1U << fed));
  }

  void count_here(token& it, std::size_t way) {
    worker& mine = workers_.local();
    if (mine.counting == nullptr) mine.counting = plan_->make_counter();
    const auto use = [&](std::uint64_t /*first*/, std::span<const frame_view> frames) {
      mine.counting->count(frames, mine.piece);
      append(it.events, mine.piece);
    };
    if (way == where_they_lie) {
      source_.visit(it.first_frame, it.frames, piece_frames_, mine.raw, use);
    } else {
      source_.frame_source::visit(it.first_frame, it.frames, piece_frames_, mine.raw, use);
    }
  }

  /// Has a device count the batch. False: it failed, and others must. What it adds to the sums that it keeps comes last, so
  /// that no frame is in them that others count.
  bool feed(token& it, engine::fed_devices::use slot) {
    bool adding = false;
    try {
      slot->clear();
      for (std::size_t done = 0; done < it.frames;) {
        const std::size_t next = std::min(slot->piece_frames(), it.frames - done);
        frame_batch& raw = slot->next_piece();
        source_.read(it.first_frame + done, next, raw);
        slot->put(raw.frames);
        done += next;
      }
      slot->count(it.events);
      it.events.first_frame = it.first_frame;
      if (options_.live != nullptr && options_.live->takes_apart(it.events)) {
        it.reduced = options_.live->reduce(it.frames, slot->reducer());
        adding = true;
        slot.added_to_patterns();
        slot->add_to_patterns();
      }
    } catch (const cuda_error& failed) {
      if (devices_alone() || adding) throw;
      slot.lose(failed);
      it.events.clear();
      it.reduced.reset();
      return false;
    }
    device_frames_.fetch_add(it.frames, std::memory_order_relaxed);
    return true;
  }

  /// A sink sees no batch after one that failed: such a gap is no order to learn from.
  item observe_unless_ended(item it) {
    if (it->error == nullptr) it->error = earlier_error_;
    it = guarded(it, &pipeline::observe);
    earlier_error_ = it->error;
    return it;
  }

  void observe(token& it) {
    sink_.observe(it.events);
    if (options_.live == nullptr) return;
    if (it.reduced == nullptr) {
      options_.live->add(it.events);
    } else {
      options_.live->add(it.events, *it.reduced);
      it.reduced.reset();
    }
  }

  void encode(token& it) { it.encoded = sink_.encode(it.events); }

  /// The last stage keeps the first error in frame order and drops what comes after it. Nothing is thrown through the running
  /// pipeline: that would lose the tokens in flight.
  void write_unless_failed(token& it) {
    if (error_ != nullptr) return;
    error_ = it.error;
    if (error_ != nullptr) return;
    try {
      write(it);
    } catch (...) {
      error_ = std::current_exception();
      failed_ = true;
    }
  }

  void write(const token& it) {
    if (options_.inspect) options_.inspect(it.events);
    sink_.write(*it.encoded);
    for (std::size_t i = 0; i < it.frames; ++i) {
      const std::uint8_t present = it.events.status[i] & status_sectors;
      result_.frames += present != 0;
      result_.missing_frames += present == 0;
      result_.incomplete_frames += present != 0 && present != all_sectors;
      result_.xrays += it.events.xrays[i];
    }
    result_.events += it.events.indices.size();
    written_ = options_.next_range ? written_ + it.frames : it.first_frame + it.frames;
    if (options_.progress) options_.progress({written_, options_.next_range ? 0 : end_, result_.events, elapsed()});
  }

  [[nodiscard]] double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  const frame_source& source_;
  std::shared_ptr<const counting_plan> plan_;  ///< of all workers; null where only devices count
  event_sink& sink_;
  const pipeline_options& options_;
  count_result result_;
  std::uint64_t frames_ = 0;  ///< of the whole scan
  std::uint64_t end_ = 0;     ///< frames from here on are not counted, or not before the next range
  std::uint64_t next_ = 0;
  std::uint64_t written_ = 0;
  unsigned threads_ = 1;
  std::size_t batch_frames_ = 1;
  std::size_t piece_frames_ = 1;
  enum : std::size_t { where_they_lie, copied, fed, ways };
  engine::faster_way<ways> way_;  ///< to count frames
  bool stopped_ = false;
  std::atomic<bool> failed_{false};   ///< no new batches are begun
  std::exception_ptr earlier_error_;  ///< of a batch before, in frame order; the observing stage's own
  std::exception_ptr error_;          ///< what ends the count
  oneapi::tbb::enumerable_thread_specific<worker> workers_;
  std::uint64_t expected_frames_ = 0;  ///< of this count
  std::atomic<std::uint64_t> counted_{0};
  std::atomic<std::uint64_t> device_frames_{0};
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::unique_ptr<engine::fed_devices> devices_;  ///< the last, since its threads use the others
};

}  // namespace

count_result count_frames(const frame_source& source, const counting_setup& setup, event_sink& sink,
                          const pipeline_options& options) {
  return pipeline(source, setup, sink, options).run();
}

}  // namespace countem
