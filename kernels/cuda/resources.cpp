#include "kernels/cuda/resources.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include <countem/error.hpp>

namespace countem::cuda {

void check(cudaError_t result, const char* doing) {
  if (result == cudaSuccess) return;
  throw cuda_error(std::string("the CUDA device failed while ") + doing + ": " + cudaGetErrorString(result) +
                       "; nvidia-smi shows the state of the device",
                   {{advice_kind::choose_backend, "cpu"}});
}

device_scope::device_scope(int device) {
  check(cudaGetDevice(&before_), "asking for the current device");
  check(cudaSetDevice(device), "choosing the device");
}
device_scope::~device_scope() {
  cudaSetDevice(before_);
}

cuda_stream::cuda_stream() {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
}
cuda_stream::~cuda_stream() {
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
}
void cuda_stream::synchronize() const {
  check(cudaStreamSynchronize(stream_), "waiting for a stream");
}

cuda_event::cuda_event(bool timed) {
  check(cudaEventCreateWithFlags(&event_, timed ? cudaEventDefault : cudaEventDisableTiming), "making an event");
}
cuda_event::~cuda_event() {
  if (event_ != nullptr) cudaEventDestroy(event_);
}
void cuda_event::record(const cuda_stream& stream) {
  check(cudaEventRecord(event_, stream.get()), "recording an event");
}
void cuda_event::hold(const cuda_stream& stream) const {
  check(cudaStreamWaitEvent(stream.get(), event_, 0), "making a stream wait");
}
void cuda_event::synchronize() const {
  check(cudaEventSynchronize(event_), "waiting for the device");
}
double cuda_event::milliseconds_since(const cuda_event& earlier) const {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, earlier.event_, event_), "reading a time");
  return milliseconds;
}

raw_memory::raw_memory(memory_space space, std::size_t bytes) : space_(space) {
  const cudaError_t result = space == memory_space::device ? cudaMalloc(&memory_, bytes) : cudaMallocHost(&memory_, bytes);
  if (result == cudaErrorMemoryAllocation) {
    throw cuda_error(std::to_string(bytes) + " bytes of " + (space == memory_space::device ? "device" : "pinned host") +
                         " memory cannot be had; use smaller batches",
                     {{advice_kind::choose_backend, "cpu"}});
  }
  check(result, "allocating memory");
}

raw_memory::~raw_memory() {
  if (memory_ == nullptr) return;
  if (space_ == memory_space::device) {
    cudaFree(memory_);
  } else {
    cudaFreeHost(memory_);
  }
}

namespace {
constexpr std::size_t most_staged_bytes = 16 << 20;
}

void host_transfer::upload_bytes(std::span<const std::byte> from, void* device, const cuda_stream& stream) {
  staged_.reserve(std::min(from.size(), most_staged_bytes));
  auto* to = static_cast<std::byte*>(device);
  while (!from.empty()) {
    const std::size_t bytes = std::min(from.size(), staged_.size());
    std::memcpy(staged_.data(), from.data(), bytes);
    copy_to_device(staged_.data(), to, bytes, stream);
    stream.synchronize();
    from = from.subspan(bytes);
    to += bytes;
  }
}

}  // namespace countem::cuda
