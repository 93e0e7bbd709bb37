#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <span>
#include <utility>

/// Resources of the device, each owned by exactly one object. All are move-only; none synchronises to manage a lifetime, so
/// the owner of a buffer waits for the work that uses it before it lets go.
namespace countem::cuda {

/// @throws cuda_error saying what was being done when the runtime answered anything but success.
void check(cudaError_t result, const char* doing);

/// The device that a thread's calls go to, set for the life of the scope and put back afterwards.
class device_scope {
 public:
  explicit device_scope(int device);
  device_scope(const device_scope&) = delete;
  device_scope& operator=(const device_scope&) = delete;
  ~device_scope();

 private:
  int before_ = 0;
};

/// A queue of device work on the device that is current when it is made. Does not wait for the default stream.
class cuda_stream {
 public:
  cuda_stream();
  cuda_stream(cuda_stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  cuda_stream& operator=(cuda_stream&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~cuda_stream();

  [[nodiscard]] cudaStream_t get() const { return stream_; }
  /// Waits for everything queued so far. @throws cuda_error of any work that failed.
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

/// A point in a stream that other streams and the host can wait for.
class cuda_event {
 public:
  /// `timed`: can be asked how long before another it was.
  explicit cuda_event(bool timed = false);
  cuda_event(cuda_event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  cuda_event& operator=(cuda_event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  ~cuda_event();

  /// Marks the end of what is queued on the stream so far.
  void record(const cuda_stream& stream);
  /// What is queued on the stream from now on waits for the mark.
  void hold(const cuda_stream& stream) const;
  /// The host waits for the mark. @throws cuda_error of any work before it that failed.
  void synchronize() const;
  /// Milliseconds from `earlier` to this; both are timed, recorded and reached.
  [[nodiscard]] double milliseconds_since(const cuda_event& earlier) const;

 private:
  cudaEvent_t event_ = nullptr;
};

/// Where a buffer's memory comes from.
enum class memory_space { device, pinned };

/// Untyped memory; device_buffer and pinned_buffer are what the rest uses.
class raw_memory {
 public:
  explicit raw_memory(memory_space space) : space_(space) {}
  /// @throws cuda_error naming the size when there is not enough.
  raw_memory(memory_space space, std::size_t bytes);
  raw_memory(raw_memory&& other) noexcept : space_(other.space_), memory_(std::exchange(other.memory_, nullptr)) {}
  raw_memory& operator=(raw_memory&& other) noexcept {
    std::swap(space_, other.space_);
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~raw_memory();

  [[nodiscard]] void* get() const { return memory_; }

 private:
  memory_space space_;
  void* memory_ = nullptr;
};

/// An array of trivially copyable T, contents undefined until written.
template <class T, memory_space Space>
class buffer {
 public:
  buffer() : memory_(Space) {}
  explicit buffer(std::size_t size) : memory_(Space, size * sizeof(T)), size_(size) {}
  buffer(buffer&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  buffer& operator=(buffer&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~buffer() = default;

  [[nodiscard]] T* data() const { return static_cast<T*>(memory_.get()); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }
  /// Room for at least `size`; contents are lost when it grows.
  void reserve(std::size_t size) {
    if (size <= size_) return;
    *this = buffer();  // first give back, then ask
    *this = buffer(size);
  }

 private:
  raw_memory memory_;
  std::size_t size_ = 0;
};

/// Memory of the device that is current when it is made.
template <class T>
using device_buffer = buffer<T, memory_space::device>;
/// Page-locked host memory: what copies to and from the device can run at the same time as other work.
template <class T>
using pinned_buffer = buffer<T, memory_space::pinned>;

/// Queues a copy of `count` elements; both buffers must live until the stream got there.
template <class T>
void copy_to_device(const T* pinned, T* device, std::size_t count, const cuda_stream& stream) {
  if (count == 0) return;
  check(cudaMemcpyAsync(device, pinned, count * sizeof(T), cudaMemcpyHostToDevice, stream.get()), "copying to the device");
}
template <class T>
void copy_to_host(const T* device, T* pinned, std::size_t count, const cuda_stream& stream) {
  if (count == 0) return;
  check(cudaMemcpyAsync(pinned, device, count * sizeof(T), cudaMemcpyDeviceToHost, stream.get()), "copying from the device");
}
/// Queues filling `count` elements with zero bytes.
template <class T>
void fill_with_zeros(T* device, std::size_t count, const cuda_stream& stream) {
  if (count == 0) return;
  check(cudaMemsetAsync(device, 0, count * sizeof(T), stream.get()), "clearing device memory");
}

/// Copies from any host memory to the device, through pinned memory of its own. Every call returns when its copy is done,
/// so use it for what is copied now and then; what is copied all the time deserves pinned memory from the start.
class host_transfer {
 public:
  template <class T>
  void upload(std::span<const T> from, T* device, const cuda_stream& stream) {
    upload_bytes(std::as_bytes(from), device, stream);
  }

 private:
  void upload_bytes(std::span<const std::byte> from, void* device, const cuda_stream& stream);

  pinned_buffer<std::byte> staged_;
};

}  // namespace countem::cuda
