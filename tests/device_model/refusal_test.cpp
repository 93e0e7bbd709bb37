// What the model must refuse: each mistake that a device would punish with garbage, a hang or silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <atomic>

#include <string>
#include <vector>

#include <countem/error.hpp>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resources.hpp"
#include "model.hpp"

namespace {

using namespace countem::cuda;
using testing::HasSubstr;

class refusals : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override { device_model::set_schedule({.seed = GetParam(), .random = GetParam() != 0}); }
  void TearDown() override {
    device_model::forget_refusal();
    device_model::set_limits({});
  }

  /// Why a kernel of one block was refused; empty when it ran.
  static std::string run(unsigned threads, void (*kernel)(unsigned*)) {
    device_model::forget_refusal();
    const cuda_stream stream;
    const device_buffer<unsigned> out(1024);
    fill_with_zeros(out.data(), out.size(), stream);
    launch({dim3(1), dim3(threads), 0}, stream.get(), kernel, out.data());
    static_cast<void>(cudaStreamSynchronize(stream.get()));
    return device_model::refusal();
  }
};
// Schedule 0 runs threads and streams in order.
INSTANTIATE_TEST_SUITE_P(schedules, refusals, testing::Range<std::uint64_t>(0, 4));

TEST_P(refusals, barrier_that_not_all_threads_reach) {
  EXPECT_THAT(run(64,
                  [](unsigned*) {
                    if (threadIdx.x < 40) __syncthreads();
                  }),
              HasSubstr("deadlock"));
}

TEST_P(refusals, different_barriers) {
  // Outside of the macro, which would put both barriers on one line.
  const std::string why = run(64, [](unsigned*) {
    if (threadIdx.x < 32) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  });
  EXPECT_THAT(why, HasSubstr("different barriers"));
}

TEST_P(refusals, mask_with_an_exited_lane) {
  EXPECT_THAT(run(32,
                  [](unsigned* out) {
                    if (threadIdx.x < 16) out[threadIdx.x] = __ballot_sync(~0U, 1);
                  }),
              testing::AnyOf(HasSubstr("has exited"), HasSubstr("deadlock")));
}

TEST_P(refusals, mask_beyond_the_block) {
  EXPECT_THAT(run(16, [](unsigned* out) { out[threadIdx.x] = __ballot_sync(~0U, 1); }), HasSubstr("beyond the block"));
}

TEST_P(refusals, mask_without_the_caller) {
  EXPECT_THAT(run(32, [](unsigned* out) { out[threadIdx.x] = __ballot_sync(0xffffU, 1); }), HasSubstr("not in its own mask"));
}

TEST_P(refusals, lanes_that_diverge) {
  EXPECT_THAT(run(32,
                  [](unsigned* out) {
                    if (threadIdx.x < 16) {
                      out[threadIdx.x] = __ballot_sync(~0U, 1);
                    } else {
                      out[threadIdx.x] = __shfl_sync(~0U, 1U, 0);
                    }
                  }),
              HasSubstr("diverged"));
}

TEST_P(refusals, shuffle_from_outside_the_mask) {
  EXPECT_THAT(run(32,
                  [](unsigned* out) {
                    if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0xffffU, 1U, 20);
                  }),
              HasSubstr("outside the mask"));
}

TEST_P(refusals, failed_kernel_spoils_what_follows) {
  const cuda_stream stream;
  void (*bad)(unsigned*) = [](unsigned*) { __ballot_sync(1U, 1); };
  void (*good)(unsigned*) = [](unsigned*) {};
  launch({dim3(1), dim3(32), 0}, stream.get(), bad, static_cast<unsigned*>(nullptr));
  EXPECT_THROW(stream.synchronize(), countem::cuda_error);
  EXPECT_THROW(launch({dim3(1), dim3(32), 0}, stream.get(), good, static_cast<unsigned*>(nullptr)), countem::cuda_error);
}

TEST_P(refusals, launches_beyond_the_limits) {
  const cuda_stream stream;
  void (*kernel)(unsigned*) = [](unsigned*) {};
  const auto attempt = [&](dim3 grid, dim3 block, std::size_t shared) {
    launch({grid, block, shared}, stream.get(), kernel, static_cast<unsigned*>(nullptr));
  };
  EXPECT_THROW(attempt(dim3(1), dim3(1025), 0), countem::cuda_error);
  EXPECT_THROW(attempt(dim3(1), dim3(0), 0), countem::cuda_error);
  EXPECT_THROW(attempt(dim3(0), dim3(32), 0), countem::cuda_error);
  EXPECT_THROW(attempt(dim3(1, 65536), dim3(32), 0), countem::cuda_error);
  EXPECT_THROW(attempt(dim3(1), dim3(32), 49 << 10), countem::cuda_error);
  // 99 KiB is what compute capability 8.6, 8.9 and 12.0 give a block that asks.
  device_model::set_limits({.shared_bytes_per_block = 99 << 10});
  const auto* address = reinterpret_cast<const void*>(kernel);
  EXPECT_NE(cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10), cudaSuccess);
  EXPECT_EQ(cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize, 99 << 10), cudaSuccess);
  EXPECT_NO_THROW(attempt(dim3(1), dim3(32), 99 << 10));
  stream.synchronize();
}

TEST_P(refusals, copies) {
  const cuda_stream stream;
  const device_buffer<char> device(100);
  const pinned_buffer<char> pinned(100);
  std::vector<char> pageable(100);
  const auto refusal_of = [&](void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    device_model::forget_refusal();
    return cudaMemcpyAsync(to, from, bytes, kind, stream.get()) == cudaSuccess ? std::string() : device_model::refusal();
  };
  EXPECT_THAT(refusal_of(device.data(), pageable.data(), 100, cudaMemcpyHostToDevice), HasSubstr("not pinned"));
  EXPECT_THAT(refusal_of(pageable.data(), device.data(), 100, cudaMemcpyDeviceToHost), HasSubstr("not pinned"));
  EXPECT_THAT(refusal_of(device.data(), pinned.data(), 101, cudaMemcpyHostToDevice), HasSubstr("beyond its allocation"));
  EXPECT_THAT(refusal_of(device.data() + 50, pinned.data(), 51, cudaMemcpyHostToDevice), HasSubstr("beyond its allocation"));
  EXPECT_THAT(refusal_of(pinned.data(), pinned.data(), 10, cudaMemcpyDeviceToHost), HasSubstr("not device"));
  EXPECT_THAT(refusal_of(device.data(), pinned.data(), 10, cudaMemcpyDefault), HasSubstr("from where to where"));
  EXPECT_THAT(refusal_of(device.data(), pinned.data(), 100, cudaMemcpyHostToDevice), "");
  EXPECT_NE(cudaMemsetAsync(device.data(), 0, 101, stream.get()), cudaSuccess);
  stream.synchronize();
}

TEST_P(refusals, memory_that_is_gone) {
  const cuda_stream stream;
  const pinned_buffer<char> pinned(10);
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 10), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_NE(cudaMemcpyAsync(memory, pinned.data(), 10, cudaMemcpyHostToDevice, stream.get()), cudaSuccess);
  EXPECT_NE(cudaFree(memory), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&memory, 10), cudaSuccess);
  EXPECT_NE(cudaFreeHost(memory), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
}

TEST_P(refusals, memory_freed_under_queued_work) {
  const cuda_stream stream;
  const cuda_stream other;
  cuda_event mark;
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 10), cudaSuccess);
  device_model::set_schedule({.seed = GetParam(), .random = GetParam() != 0, .eager_permille = 0});
  mark.record(other);
  mark.hold(stream);
  ASSERT_EQ(cudaMemsetAsync(memory, 0, 10, stream.get()), cudaSuccess);
  EXPECT_NE(cudaFree(memory), cudaSuccess);
  stream.synchronize();
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
}

TEST_P(refusals, default_stream_and_lost_streams) {
  const device_buffer<char> device(10);
  EXPECT_NE(cudaMemsetAsync(device.data(), 0, 10, nullptr), cudaSuccess);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_NE(cudaMemsetAsync(device.data(), 0, 10, stream), cudaSuccess);
}

TEST_P(refusals, more_memory_than_the_device_has) {
  device_model::set_limits({.memory_bytes = 1000});
  const device_buffer<char> most(900);
  EXPECT_THROW(device_buffer<char>(101), countem::cuda_error);
  EXPECT_NO_THROW(device_buffer<char>(100));
}

TEST_P(refusals, stream_of_another_device) {
  device_model::set_limits({.devices = 2});
  const cuda_stream stream;
  const device_buffer<char> device(10);
  const device_scope other(1);
  EXPECT_NE(cudaMemsetAsync(device.data(), 0, 10, stream.get()), cudaSuccess);
}

TEST_P(refusals, leaks_are_seen) {
  ASSERT_EQ(device_model::live_objects(), 0U);
  {
    const cuda_stream stream;
    const cuda_event event;
    const device_buffer<char> device(10);
    const pinned_buffer<char> pinned(10);
    EXPECT_EQ(device_model::live_objects(), 4U);
  }
  EXPECT_EQ(device_model::live_objects(), 0U);
}

// Streams: what no event orders happens in either order, what an event orders happens in that one.
TEST(streams, run_in_any_order_but_obey_events) {
  int first_before_second = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    device_model::set_schedule({.seed = seed});
    const cuda_stream one;
    const cuda_stream other;
    cuda_event mark;
    std::atomic<int> turn{0};
    int first = -1;
    int second = -1;
    int third = -1;
    static_cast<void>(device_model::enqueue(one.get(), [&] { first = turn++; }));
    mark.record(one);
    static_cast<void>(device_model::enqueue(other.get(), [&] { second = turn++; }));
    mark.hold(other);
    static_cast<void>(device_model::enqueue(other.get(), [&] { third = turn++; }));
    other.synchronize();
    one.synchronize();
    EXPECT_EQ(third, 2);
    first_before_second += first < second ? 1 : 0;
  }
  EXPECT_GT(first_before_second, 0);
  EXPECT_LT(first_before_second, 40);
}

TEST(streams, copies_wait_until_someone_waits_for_them) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the mistake below is a race, which ThreadSanitizer reports: faults.cpp, host_writes_too_early";
#endif
  bool late = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    device_model::set_schedule({.seed = seed});
    const cuda_stream stream;
    const pinned_buffer<int> from(1);
    const pinned_buffer<int> to(1);
    const device_buffer<int> device(1);
    *from.data() = 1;
    copy_to_device(from.data(), device.data(), 1, stream);
    copy_to_host(device.data(), to.data(), 1, stream);
    *from.data() = 2;  // the mistake: the copy may not have happened yet
    stream.synchronize();
    late = late || *to.data() == 2;
  }
  EXPECT_TRUE(late);
}

TEST(devices, none_answers) {
  device_model::set_limits({.devices = 0});
  int count = 17;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
  EXPECT_EQ(count, 17);
  EXPECT_THROW(cuda_stream(), countem::cuda_error);
  device_model::set_limits({});
}

}  // namespace
