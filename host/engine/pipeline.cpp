// frame_source -> counter -> event_sink, every stage at the same time.
//
//   number batches | read and count | observe | encode   | write, inspect, report
//   serial         | parallel       | serial  | parallel | serial, in frame order
//
// A worker counts frames where the page cache holds them, or reads a few, counts them while they are in its own cache, and
// reads on, whichever is faster; a token that travels down the pipeline holds only events. Memory is bounded by threads *
// frames of a piece (read) or a batch (mapped) + tokens * events of a batch, whatever the size of the scan.
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
#include <string>
#include <utility>

#include "host/engine/batch_policy.hpp"
#include "host/engine/faster_way.hpp"

namespace countem {

namespace {

/// What travels down the pipeline. An error travels too, so that everything before it is written first.
struct token {
  std::uint64_t first_frame = 0;
  std::size_t frames = 0;
  event_batch events;
  std::unique_ptr<event_sink::encoded> encoded;
  std::exception_ptr error;
};

/// What one worker thread owns.
struct worker {
  frame_batch raw;  // outlives the counter, which may still be reading it when an error ends the count
  std::unique_ptr<counter> counting;
  event_batch piece;
  std::uint64_t first_frame = 0;  ///< of what is being counted
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
    plan_ = make_plan(result_.used, setup);
    frames_ = info.scan.frames();
    end_ = options.next_range ? 0 : std::min(options.end_frame, frames_);
    next_ = std::min(options.first_frame, end_);
    if (options.first_frame > options.end_frame) {
      throw invalid_argument("frames from " + std::to_string(options.first_frame) + " up to " +
                             std::to_string(options.end_frame) + " are no range of frames");
    }
    threads_ = options.threads != 0 ? options.threads : usable_threads();
    const engine::batch_sizes sizes = engine::choose_batch_sizes({.frame_bytes = setup.shape.pixels() * size_of(setup.type),
                                                                  .frames = expected_frames(),
                                                                  .threads = threads_,
                                                                  .on_device = result_.used == backend::cuda,
                                                                  .reduced_live = options.live != nullptr,
                                                                  .asked_batch_frames = options.batch_frames});
    batch_frames_ = sizes.batch_frames;
    piece_frames_ = sizes.piece_frames;
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
    result_.seconds = elapsed();
    result_.stopped = stopped_;
    result_.issues = changed_inputs(source_.info().files);
    return result_;
  }

 private:
  [[nodiscard]] std::uint64_t expected_frames() const {
    return options_.next_range ? frames_ / std::max(1U, options_.sharers) : end_ - next_;
  }

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

  void count(token& it) {
    worker& mine = workers_.local();
    if (mine.counting == nullptr) {
      mine.counting = make_counter(mine);
      mine.raw = frame_batch(mine.counting->frame_memory());
    }
    it.events.first_frame = it.first_frame;
    const auto use = [&](std::uint64_t first, std::span<const frame_view> frames) {
      mine.first_frame = first;
      mine.counting->count(frames, mine.piece);
      append(it.events, mine.piece);
    };
    // A device wants frames in its own memory, and the reference backend wants frames that do not change. For the cpu backend
    // it depends on the processor, and on how large the pieces are in which the page cache holds them.
    const std::size_t way = result_.used == backend::cpu ? way_.next() : copied;
    const double start = elapsed();
    if (way == where_they_lie) {
      source_.visit(it.first_frame, it.frames, piece_frames_, mine.raw, use);
    } else {
      source_.frame_source::visit(it.first_frame, it.frames, piece_frames_, mine.raw, use);
    }
    way_.took(way, (elapsed() - start) / static_cast<double>(it.frames));
  }

  /// Workers take the devices in turn.
  std::unique_ptr<counter> make_counter(const worker& mine) {
    if (result_.used != backend::cuda) return plan_->make_counter();
    cuda::device_options on;
    const unsigned turn = workers_made_++;
    on.device = options_.devices.empty() ? turn % cuda::device_count() : options_.devices[turn % options_.devices.size()];
    // A worker waits for its piece while those of other workers keep the device busy; one that is alone has two halves in
    // flight.
    on.batches_in_flight = threads_ > 1 ? 1 : 2;
    on.batch_frames = (piece_frames_ + on.batches_in_flight - 1) / on.batches_in_flight;
    if (options_.live == nullptr) return cuda::make_counter(plan_, on, {});
    return cuda::make_counter(plan_, on, [this, &mine](const event_batch& events, event_reducer& on_device) {
      options_.live->add(events, mine.first_frame + events.first_frame, on_device);
    });
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
    if (options_.live != nullptr && result_.used != backend::cuda) options_.live->add(it.events);
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
  std::shared_ptr<const counting_plan> plan_;  ///< of all workers
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
  enum : std::size_t { where_they_lie, copied };
  engine::faster_way way_;  ///< to the frames
  bool stopped_ = false;
  std::atomic<bool> failed_{false};   ///< no new batches are begun
  std::exception_ptr earlier_error_;  ///< of a batch before, in frame order; the observing stage's own
  std::exception_ptr error_;          ///< what ends the count
  oneapi::tbb::enumerable_thread_specific<worker> workers_;
  std::atomic<unsigned> workers_made_{0};
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

count_result count_frames(const frame_source& source, const counting_setup& setup, event_sink& sink,
                          const pipeline_options& options) {
  return pipeline(source, setup, sink, options).run();
}

}  // namespace countem
