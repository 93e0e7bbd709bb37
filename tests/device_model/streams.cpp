// The model of streams and events.
//
// Streams hold queued work that nothing forces to run before someone waits for it; whenever work runs, the next piece comes
// from a stream drawn among those that may run. What only works because two streams happened to run in a convenient order
// fails here.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "poison.hpp"
#include "runtime.hpp"
#include "runtime_state.hpp"

namespace device_model {

namespace {

/// Under ASan, device memory can be touched only while the device works.
class device_at_work {
 public:
  device_at_work() {
    for (const auto& [address, held] : the_runtime().memory) {
      if (held.kind == memory_kind::device) __asan_unpoison_memory_region(reinterpret_cast<void*>(address), held.bytes);
    }
  }
  device_at_work(const device_at_work&) = delete;
  device_at_work& operator=(const device_at_work&) = delete;
  ~device_at_work() {
    for (const auto& [address, held] : the_runtime().memory) {
      if (held.kind == memory_kind::device) __asan_poison_memory_region(reinterpret_cast<void*>(address), held.bytes);
    }
  }
};

std::vector<cudaStream_t> runnable() {
  std::vector<cudaStream_t> found;
  for (const cudaStream_t stream : the_runtime().streams) {
    if (!stream->queue.empty() && (stream->queue.front().may_run == nullptr || stream->queue.front().may_run()))
      found.push_back(stream);
  }
  return found;
}

/// A mistake that the device meets: nothing works from here on.
void spoil_device(const std::string& why) {
  auto& r = the_runtime();
  r.sticky = refuse(why, cudaErrorLaunchFailure);
  for (const cudaStream_t stream : r.streams) stream->queue.clear();
}

/// Runs one queued step of some stream; false when none may run.
bool run_one_step() {
  const std::vector<cudaStream_t> candidates = runnable();
  if (candidates.empty()) return false;
  const cudaStream_t stream = candidates[current_schedule().random ? draw(candidates.size()) : 0];
  CUstream_st::step step = std::move(stream->queue.front());
  stream->queue.pop_front();
  stream->retired.emplace_back();
  // What is the model's own work happens as the host, what the device would do as the stream: ThreadSanitizer distinguishes
  // them.
  if (step.why_not != nullptr) {
    if (const std::string why = step.why_not(); !why.empty()) {
      spoil_device(why);
      return true;
    }
  }
  const context::scope as_stream(stream->order);
  step.enqueued->observe();
  std::string why;
  {
    const device_at_work access;
    why = step.run();
  }
  if (!why.empty()) spoil_device(why);
  stream->drained.publish();
  stream->retired.back() = std::move(step);
  return true;
}

}  // namespace

cudaError_t run_until(const std::function<bool()>& done, const char* waiting_for) {
  auto& r = the_runtime();
  while (r.sticky == cudaSuccess && !done()) {
    if (!run_one_step())
      return refuse(std::string("nothing can ever complete the wait for ") + waiting_for, cudaErrorLaunchTimeout);
  }
  return r.sticky;
}

cudaError_t push(cudaStream_t stream, std::function<std::string()> run, std::function<bool()> may_run,
                 std::function<std::string()> why_not) {
  auto& r = the_runtime();
  if (r.sticky != cudaSuccess) return r.sticky;
  if (stream == nullptr)
    return refuse("work for the default stream, which would wait for all others: give it a stream of its own");
  if (!r.streams.contains(stream)) return refuse("work for a stream that does not exist", cudaErrorInvalidResourceHandle);
  if (stream->device != current_device) {
    return refuse("work for a stream of device " + std::to_string(stream->device) + " while device " +
                      std::to_string(current_device) + " is current",
                  cudaErrorInvalidResourceHandle);
  }
  stream->queue.push_back(
      {std::move(may_run), std::move(why_not), std::move(run), std::make_unique<order_point>(), std::this_thread::get_id()});
  stream->queue.back().enqueued->publish();
  while (current_schedule().random && draw(1000) < current_schedule().eager_permille && run_one_step()) {
  }
  return cudaSuccess;
}

bool own_work_is_queued(int device) {
  return std::any_of(the_runtime().streams.begin(), the_runtime().streams.end(), [=](cudaStream_t stream) {
    return stream->device == device && std::ranges::any_of(stream->queue, [](const CUstream_st::step& step) {
             return step.by == std::this_thread::get_id();
           });
  });
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  const lock_guard held(the_runtime().lock);
  return push(stream, [work = std::move(work)] {
    work();
    return std::string();
  });
}

}  // namespace device_model

using namespace device_model;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const lock_guard held(the_runtime().lock);
  if (!has_device()) return cudaErrorInsufficientDriver;
  if (flags != cudaStreamNonBlocking) return refuse("a stream that would wait for the default stream");
  *stream = new CUstream_st;
  (*stream)->device = current_device;
  the_runtime().streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const lock_guard held(the_runtime().lock);
  if (the_runtime().streams.erase(stream) == 0)
    return refuse("a stream is destroyed that does not exist", cudaErrorInvalidResourceHandle);
  const bool busy = !stream->queue.empty();
  stream->drained.observe();
  delete stream;
  return busy ? refuse("a stream is destroyed while work is queued on it") : cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const lock_guard held(the_runtime().lock);
  if (!the_runtime().streams.contains(stream))
    return refuse("a wait for a stream that does not exist", cudaErrorInvalidResourceHandle);
  const cudaError_t result = run_until([=] { return stream->queue.empty(); }, "a stream");
  stream->drained.observe();
  stream->retired.clear();
  return result;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const lock_guard held(the_runtime().lock);
  if (!the_runtime().events.contains(event))
    return refuse("a stream waits for an event that does not exist", cudaErrorInvalidResourceHandle);
  const std::uint64_t wanted = event->recorded;
  return push(
      stream,
      [=] {
        if (wanted != 0) event->reached.observe();
        return std::string();
      },
      [=] { return event->completed >= wanted; });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const lock_guard held(the_runtime().lock);
  if (!has_device()) return cudaErrorInsufficientDriver;
  *event = new CUevent_st;
  (*event)->device = current_device;
  (*event)->timed = (flags & cudaEventDisableTiming) == 0;
  the_runtime().events.insert(*event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const lock_guard held(the_runtime().lock);
  if (the_runtime().events.erase(event) == 0)
    return refuse("an event is destroyed that does not exist", cudaErrorInvalidResourceHandle);
  const bool pending = own_work_is_queued(event->device);
  if (!pending) delete event;
  return pending ? refuse("an event is destroyed while work that may use it is queued") : cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const lock_guard held(the_runtime().lock);
  if (!the_runtime().events.contains(event))
    return refuse("an event is recorded that does not exist", cudaErrorInvalidResourceHandle);
  const std::uint64_t record = ++event->recorded;
  return push(stream, [=] {
    event->completed = std::max(event->completed, record);
    event->reached.publish();
    return std::string();
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const lock_guard held(the_runtime().lock);
  if (!the_runtime().events.contains(event))
    return refuse("a wait for an event that does not exist", cudaErrorInvalidResourceHandle);
  const cudaError_t result = run_until([=] { return event->completed >= event->recorded; }, "an event");
  event->reached.observe();
  return result;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t earlier, cudaEvent_t later) {
  const lock_guard held(the_runtime().lock);
  const auto& events = the_runtime().events;
  if (!events.contains(earlier) || !events.contains(later))
    return refuse("the time of an event that does not exist", cudaErrorInvalidResourceHandle);
  if (!earlier->timed || !later->timed)
    return refuse("the time of an event that was made without one", cudaErrorInvalidResourceHandle);
  for (const cudaEvent_t event : {earlier, later}) {
    if (event->recorded == 0) return refuse("the time of an event that was never recorded", cudaErrorInvalidResourceHandle);
    if (event->completed != event->recorded) return cudaErrorNotReady;
  }
  *milliseconds = 1;  // the model has no clock
  return cudaSuccess;
}

}  // extern "C"
