#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "grid.hpp"
#include "model.hpp"

/// What the files that play the CUDA runtime share: its handles, its one state, and how work is queued.

// The opaque types of the runtime's handles.
struct CUevent_st {
  int device = 0;
  bool timed = false;
  std::uint64_t recorded = 0;   ///< record calls so far
  std::uint64_t completed = 0;  ///< the last of them that was reached
  device_model::order_point reached;
};

struct CUstream_st {
  struct step {
    std::function<bool()> may_run;                        ///< null: always
    std::function<std::string()> why_not;                 ///< null, or asked before it runs: why it may not
    std::function<std::string()> run;                     ///< returns why it was refused
    std::unique_ptr<device_model::order_point> enqueued;  ///< after what the host did before queuing it
    std::thread::id by;                                   ///< who queued it
  };
  int device = 0;
  std::deque<step> queue;
  std::deque<step>
      retired;  ///< run, but the host has not yet waited for it: what a kernel's arguments refer to may not go before
  device_model::context order;  ///< the stream as TSan sees it: its steps happen one after another
  device_model::order_point drained;
};

namespace device_model {

enum class memory_kind : std::uint8_t { device, pinned };

struct allocation {
  std::size_t bytes = 0;
  memory_kind kind = memory_kind::device;
  int device = 0;
};

/// Everything that the model knows between calls.
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

[[nodiscard]] runtime& the_runtime();
extern constinit thread_local int current_device;  // constinit: read without the wrapper that UBSan takes for a null pointer
using lock_guard = std::lock_guard<std::recursive_mutex>;

/// Notes why, unless something was refused before, and returns `code`.
cudaError_t refuse(const std::string& why, cudaError_t code = cudaErrorInvalidValue);
[[nodiscard]] bool has_device();

/// Queues a step on a stream. It runs at some time before a wait for it ends, not before `may_run` holds; `why_not` is asked
/// then, as the host.
cudaError_t push(cudaStream_t stream, std::function<std::string()> run, std::function<bool()> may_run = nullptr,
                 std::function<std::string()> why_not = nullptr);
/// Runs queued work until `done`.
cudaError_t run_until(const std::function<bool()>& done, const char* waiting_for);
/// Work that the calling thread queued. Other threads' work is not looked for: they share the device, not the memory.
[[nodiscard]] bool own_work_is_queued(int device);

}  // namespace device_model
