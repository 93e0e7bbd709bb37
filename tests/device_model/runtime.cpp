// The CUDA runtime's host interface, as far as countem uses it, over the grid model. A program that calls anything else does
// not link.
//
// Streams hold queued work that nothing forces to run before someone waits for it; whenever work runs, the next piece comes
// from a stream drawn among those that may go on. What only works because two streams happened to run in a convenient order
// fails here.
#include "runtime.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "grid.hpp"
#include "model.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(address, size) static_cast<void>(0)
#define __asan_unpoison_memory_region(address, size) static_cast<void>(0)
#endif

using device_model::context;
using device_model::order_point;

// The opaque types of the runtime's handles.
struct CUevent_st {
  int device = 0;
  bool timed = false;
  std::uint64_t recorded = 0;   ///< record calls so far
  std::uint64_t completed = 0;  ///< the last of them that was reached
  order_point reached;
};

struct CUstream_st {
  struct step {
    std::function<bool()> may_run;          ///< null: always
    std::function<std::string()> why_not;   ///< null, or asked before it runs: why it may not
    std::function<std::string()> run;       ///< returns why it was refused
    std::unique_ptr<order_point> enqueued;  ///< after what the host did before queuing it
  };
  int device = 0;
  std::thread::id owner;  ///< who made it
  std::deque<step> queue;
  std::deque<step>
      retired;    ///< run, but the host has not yet waited for it: what a kernel's arguments refer to may not go before
  context order;  ///< the stream as TSan sees it: its steps happen one after another
  order_point drained;
};

namespace device_model {

namespace {

enum class memory_kind : std::uint8_t { device, pinned };

struct allocation {
  std::size_t bytes = 0;
  memory_kind kind = memory_kind::device;
  int device = 0;
};

constexpr std::size_t guard_bytes = 64;
constexpr unsigned char guard_fill = 0xB7;
constexpr unsigned char fresh_fill = 0xCD;
constexpr unsigned char pending_fill = 0xA5;

struct runtime {
  std::recursive_mutex lock;
  device_limits limits;
  std::map<std::uintptr_t, allocation> memory;
  std::set<cudaStream_t> streams;
  std::set<cudaEvent_t> events;
  std::map<const void*, std::size_t> shared_opt_in;  ///< per kernel, what cudaFuncSetAttribute allowed
  std::vector<std::uint64_t> used = std::vector<std::uint64_t>(16, 0);
  std::string refusal;
  cudaError_t sticky = cudaSuccess;  ///< a failed kernel spoils the device for the rest of the program, as CUDA does
};

runtime& the_runtime() {
  static runtime* const only = new runtime;
  return *only;
}

thread_local int current_device = 0;
using lock_guard = std::lock_guard<std::recursive_mutex>;

cudaError_t refuse(const std::string& why, cudaError_t code = cudaErrorInvalidValue) {
  if (the_runtime().refusal.empty()) the_runtime().refusal = why;
  return code;
}

const std::pair<const std::uintptr_t, allocation>* find(const void* address) {
  auto& memory = the_runtime().memory;
  auto after = memory.upper_bound(reinterpret_cast<std::uintptr_t>(address));
  if (after == memory.begin()) return nullptr;
  --after;
  const auto offset = reinterpret_cast<std::uintptr_t>(address) - after->first;
  return offset < after->second.bytes || (offset == 0 && after->second.bytes == 0) ? &*after : nullptr;
}

/// Why [address, address + bytes) is not memory of that kind; empty when it is.
std::string wrong_range(const void* address, std::size_t bytes, memory_kind wanted, const char* role) {
  const auto* found = find(address);
  const char* name = wanted == memory_kind::device ? "device" : "pinned";
  if (found == nullptr || found->second.kind != wanted) {
    return std::string(role) + " is not " + name + " memory (freed, never allocated, or pageable)";
  }
  const std::size_t offset = reinterpret_cast<std::uintptr_t>(address) - found->first;
  if (bytes > found->second.bytes - offset) {
    return std::string(role) + " ends " + std::to_string(bytes - (found->second.bytes - offset)) +
           " bytes beyond its allocation of " + std::to_string(found->second.bytes);
  }
  return {};
}

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
  // What is the model's own work happens as the host, what the device would do as the stream: ThreadSanitizer tells them apart.
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

cudaError_t run_until(const std::function<bool()>& done, const char* waiting_for) {
  auto& r = the_runtime();
  while (r.sticky == cudaSuccess && !done()) {
    if (!run_one_step())
      return refuse(std::string("nothing can ever complete the wait for ") + waiting_for, cudaErrorLaunchTimeout);
  }
  return r.sticky;
}

cudaError_t push(cudaStream_t stream, std::function<std::string()> run, std::function<bool()> may_run = nullptr,
                 std::function<std::string()> why_not = nullptr) {
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
  stream->queue.push_back({std::move(may_run), std::move(why_not), std::move(run), std::make_unique<order_point>()});
  stream->queue.back().enqueued->publish();
  while (current_schedule().random && draw(1000) < current_schedule().eager_permille && run_one_step()) {
  }
  return cudaSuccess;
}

/// Work of the calling thread's streams. Other threads' work is their own business: they share the device, not the memory.
bool own_work_is_queued(int device) {
  return std::any_of(the_runtime().streams.begin(), the_runtime().streams.end(), [=](cudaStream_t stream) {
    return stream->device == device && stream->owner == std::this_thread::get_id() && !stream->queue.empty();
  });
}

cudaError_t allocate(void** address, std::size_t bytes, memory_kind kind) {
  auto& r = the_runtime();
  *address = nullptr;
  if (bytes == 0) return cudaSuccess;
  auto& used = r.used[static_cast<std::size_t>(current_device)];
  if (kind == memory_kind::device && bytes > r.limits.memory_bytes - used) return cudaErrorMemoryAllocation;
  const std::size_t whole = (bytes + 255) / 256 * 256;
  auto* memory = static_cast<unsigned char*>(std::aligned_alloc(256, whole + 256));
  if (memory == nullptr) return cudaErrorMemoryAllocation;
  std::memset(memory, fresh_fill, bytes);
  std::memset(memory + bytes, guard_fill, whole + 256 - bytes);
  __asan_poison_memory_region(memory + bytes, whole + 256 - bytes);
  if (kind == memory_kind::device) {
    used += bytes;
    __asan_poison_memory_region(memory, bytes);
  }
  r.memory.emplace(reinterpret_cast<std::uintptr_t>(memory), allocation{bytes, kind, current_device});
  *address = memory;
  return cudaSuccess;
}

cudaError_t release(void* address, memory_kind kind) {
  if (address == nullptr) return cudaSuccess;
  auto& r = the_runtime();
  const auto held = r.memory.find(reinterpret_cast<std::uintptr_t>(address));
  if (held == r.memory.end() || held->second.kind != kind)
    return refuse("a pointer is freed that was not allocated this way, or twice");
  if (own_work_is_queued(held->second.device)) {
    return refuse("memory is freed while work that may use it is still queued");
  }
  const std::size_t bytes = held->second.bytes;
  auto* memory = static_cast<unsigned char*>(address);
  __asan_unpoison_memory_region(memory, bytes + guard_bytes);
  const bool overrun =
      std::any_of(memory + bytes, memory + bytes + guard_bytes, [](unsigned char byte) { return byte != guard_fill; });
  if (kind == memory_kind::device) r.used[static_cast<std::size_t>(held->second.device)] -= bytes;
  r.memory.erase(held);
  std::free(memory);
  if (overrun)
    return refuse("something wrote beyond the end of an allocation of " + std::to_string(bytes) + " bytes",
                  cudaErrorIllegalAddress);
  return cudaSuccess;
}

std::string wrong_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (!to_device && !from_device) return "a copy must say from where to where";
  std::string why = wrong_range(to, bytes, to_device ? memory_kind::device : memory_kind::pinned, "the destination of a copy");
  if (why.empty())
    why = wrong_range(from, bytes, from_device ? memory_kind::device : memory_kind::pinned, "the source of a copy");
  return why;
}

bool has_device() {
  return the_runtime().limits.devices > 0;
}

}  // namespace

void set_limits(const device_limits& wanted) {
  const lock_guard held(the_runtime().lock);
  the_runtime().limits = wanted;
  the_runtime().shared_opt_in.clear();
}

const std::string& refusal() {
  return the_runtime().refusal;
}

void forget_refusal() {
  const lock_guard held(the_runtime().lock);
  the_runtime().refusal.clear();
  the_runtime().sticky = cudaSuccess;
}

std::size_t live_objects() {
  const lock_guard held(the_runtime().lock);
  const auto& r = the_runtime();
  return r.memory.size() + r.streams.size() + r.events.size();
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  const lock_guard held(the_runtime().lock);
  return push(stream, [work = std::move(work)] {
    work();
    return std::string();
  });
}

cudaError_t enqueue_grid(dim3 extent, dim3 block, std::size_t shared_bytes, cudaStream_t stream, const void* kernel,
                         void (*body)(void*), std::shared_ptr<void> arguments) {
  auto& r = the_runtime();
  const lock_guard held(r.lock);
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64)
    return refuse("a block of " + std::to_string(threads) + " threads", cudaErrorInvalidConfiguration);
  if (extent.x == 0 || extent.y == 0 || extent.z == 0 || extent.x > 0x7fff'ffffU || extent.y > 65535 || extent.z > 65535) {
    return refuse("a grid of " + std::to_string(extent.x) + " x " + std::to_string(extent.y) + " x " +
                      std::to_string(extent.z) + " blocks",
                  cudaErrorInvalidConfiguration);
  }
  const std::size_t without_asking = 48 << 10;
  const auto asked = r.shared_opt_in.find(kernel);
  if (shared_bytes > std::max(without_asking, asked == r.shared_opt_in.end() ? 0 : asked->second)) {
    return refuse("a block of " + std::to_string(shared_bytes) + " bytes of dynamic shared memory was not opted in to",
                  cudaErrorInvalidValue);
  }
  return push(stream, [=, arguments = std::move(arguments)] {
    return run_grid({extent, block, shared_bytes, body, arguments.get()});
  });
}

}  // namespace device_model

using namespace device_model;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  if (!has_device())
    return cudaErrorInsufficientDriver;  // and leaves the count as it was, as a static runtime without a driver does
  *count = the_runtime().limits.devices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (!has_device()) return cudaErrorInsufficientDriver;
  if (device < 0 || device >= the_runtime().limits.devices) return cudaErrorInvalidDevice;
  current_device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return has_device() ? cudaSuccess : cudaErrorInsufficientDriver;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  if (!has_device()) return cudaErrorInsufficientDriver;
  const device_limits& limits = the_runtime().limits;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = limits.multiprocessors; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(limits.shared_bytes_per_block); return cudaSuccess;
    default: return refuse("a device attribute that the model does not know");
  }
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  if (!has_device()) return cudaErrorInsufficientDriver;
  const lock_guard held(the_runtime().lock);
  *total_bytes = the_runtime().limits.memory_bytes;
  *free_bytes = *total_bytes - the_runtime().used[static_cast<std::size_t>(current_device)];
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const lock_guard held(the_runtime().lock);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
    return refuse("a function attribute that the model does not know");
  if (value < 0 || static_cast<std::uint32_t>(value) > the_runtime().limits.shared_bytes_per_block) {
    return refuse("a kernel asks for " + std::to_string(value) + " bytes of shared memory where the device has " +
                  std::to_string(the_runtime().limits.shared_bytes_per_block));
  }
  the_runtime().shared_opt_in[kernel] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  return the_runtime().sticky;
}
const char* cudaGetErrorString(cudaError_t code) {
  if (code == cudaSuccess) return "no error";
  if (code == cudaErrorInsufficientDriver) return "CUDA driver version is insufficient for CUDA runtime version";
  if (code == cudaErrorMemoryAllocation) return "out of memory";
  return the_runtime().refusal.empty() ? "device model error" : the_runtime().refusal.c_str();
}

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  const lock_guard held(the_runtime().lock);
  return has_device() ? allocate(address, bytes, memory_kind::device) : cudaErrorInsufficientDriver;
}
cudaError_t cudaFree(void* address) {
  const lock_guard held(the_runtime().lock);
  return release(address, memory_kind::device);
}
cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  const lock_guard held(the_runtime().lock);
  return has_device() ? allocate(address, bytes, memory_kind::pinned) : cudaErrorInsufficientDriver;
}
cudaError_t cudaFreeHost(void* address) {
  const lock_guard held(the_runtime().lock);
  return release(address, memory_kind::pinned);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const lock_guard held(the_runtime().lock);
  if (bytes == 0) return cudaSuccess;
  const std::string why = wrong_copy(to, from, bytes, kind);
  if (!why.empty()) return refuse(why);
  const bool to_host = kind == cudaMemcpyDeviceToHost;
  if (to_host) {  // whoever reads it before the copy is done reads noise, and under ASan is told
    std::memset(to, pending_fill, bytes);
    __asan_poison_memory_region(to, bytes);
  }
  ++mutable_stats().copies;
  return push(
      stream,
      [=] {
        if (to_host) __asan_unpoison_memory_region(to, bytes);
        std::memcpy(to, from, bytes);
        return std::string();
      },
      nullptr, [=] { return wrong_copy(to, from, bytes, kind); });
}

cudaError_t cudaMemsetAsync(void* address, int value, std::size_t bytes, cudaStream_t stream) {
  const lock_guard held(the_runtime().lock);
  if (bytes == 0) return cudaSuccess;
  const std::string why = wrong_range(address, bytes, memory_kind::device, "what a memset fills");
  if (!why.empty()) return refuse(why);
  return push(stream, [=] {
    std::memset(address, value, bytes);
    return std::string();
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const lock_guard held(the_runtime().lock);
  if (!has_device()) return cudaErrorInsufficientDriver;
  if (flags != cudaStreamNonBlocking) return refuse("a stream that would wait for the default stream");
  *stream = new CUstream_st;
  (*stream)->device = current_device;
  (*stream)->owner = std::this_thread::get_id();
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
