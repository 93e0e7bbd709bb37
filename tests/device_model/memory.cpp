// The model of the runtime's memory: device and pinned allocations with guards, and copies that are checked to the byte.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "poison.hpp"
#include "runtime_state.hpp"

namespace device_model {

namespace {

constexpr std::size_t guard_bytes = 64;
constexpr unsigned char guard_fill = 0xB7;
constexpr unsigned char fresh_fill = 0xCD;
constexpr unsigned char pending_fill = 0xA5;

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

}  // namespace

}  // namespace device_model

using namespace device_model;

extern "C" {

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  if (!has_device()) return cudaErrorInsufficientDriver;
  const lock_guard held(the_runtime().lock);
  *total_bytes = the_runtime().limits.memory_bytes;
  *free_bytes = *total_bytes - the_runtime().used[static_cast<std::size_t>(current_device)];
  return cudaSuccess;
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
  if (to_host) {  // a read before the copy is done gives noise, and ASan reports it
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

}  // extern "C"
