// Each built-in against the programming guide's definition of it.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resources.hpp"
#include "model.hpp"

namespace {

using namespace countem::cuda;

/// Runs a kernel of one block that writes one value a thread.
template <class T, class Kernel>
std::vector<T> run_block(unsigned threads, Kernel kernel, std::uint64_t seed) {
  device_model::set_schedule({.seed = seed});
  const cuda_stream stream;
  const device_buffer<T> out(threads);
  const pinned_buffer<T> host(threads);
  fill_with_zeros(out.data(), threads, stream);
  launch({dim3(1), dim3(threads), 0}, stream.get(), +kernel, out.data());
  copy_to_host(out.data(), host.data(), threads, stream);
  stream.synchronize();
  return {host.data(), host.data() + threads};
}

/// What run_block should give when thread t writes expected(t).
template <class T, class Expected>
void expect_threads(const std::vector<T>& found, Expected expected) {
  for (unsigned t = 0; t < found.size(); ++t) EXPECT_EQ(found[t], static_cast<T>(expected(t))) << "thread " << t;
}

class built_ins : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(schedules, built_ins, testing::Range<std::uint64_t>(0, 4));

TEST_P(built_ins, indices_cover_grid_and_block) {
  device_model::set_schedule({.seed = GetParam()});
  const cuda_stream stream;
  const device_buffer<unsigned> out(2 * 3 * 4 * 5);
  const pinned_buffer<unsigned> host(out.size());
  fill_with_zeros(out.data(), out.size(), stream);
  void (*kernel)(unsigned*) = [](unsigned* cells) {
    const unsigned block = blockIdx.x + gridDim.x * blockIdx.y;
    const unsigned thread = threadIdx.x + blockDim.x * threadIdx.y;
    cells[block * blockDim.x * blockDim.y + thread] += 1 + block * 100 + thread;
  };
  launch({dim3(2, 3), dim3(4, 5), 0}, stream.get(), kernel, out.data());
  copy_to_host(out.data(), host.data(), out.size(), stream);
  stream.synchronize();
  for (unsigned i = 0; i < out.size(); ++i) EXPECT_EQ(host.data()[i], 1 + i / 20 * 100 + i % 20);
}

TEST_P(built_ins, votes) {
  const auto ballots = run_block<unsigned>(
      64, [](unsigned* out) { out[threadIdx.x] = __ballot_sync(~0U, threadIdx.x % 3 == 0); }, GetParam());
  expect_threads(ballots, [](unsigned t) {
    unsigned bits = 0;
    for (unsigned lane = 0; lane < 32; ++lane) bits |= (t / 32 * 32 + lane) % 3 == 0 ? 1U << lane : 0;
    return bits;
  });
  const auto votes = run_block<int>(
      32,
      [](int* out) {
        out[threadIdx.x] =
            __any_sync(~0U, threadIdx.x == 7) + 2 * __all_sync(~0U, threadIdx.x < 32) + 4 * __all_sync(~0U, threadIdx.x != 5);
      },
      GetParam());
  expect_threads(votes, [](unsigned) { return 3; });
}

TEST_P(built_ins, votes_of_a_part_of_a_warp) {
  const auto ballots = run_block<unsigned>(
      32,
      [](unsigned* out) {
        if (threadIdx.x < 12) {
          out[threadIdx.x] = __ballot_sync(0x00000fffU, threadIdx.x & 1U);
        } else {
          out[threadIdx.x] = __ballot_sync(0xfffff000U, threadIdx.x & 1U);
        }
      },
      GetParam());
  expect_threads(ballots, [](unsigned t) { return t < 12 ? 0xaaaU : 0xaaaaa000U; });
}

TEST_P(built_ins, shuffles) {
  const auto value = [](unsigned t) { return 1000 + t; };
  expect_threads(
      run_block<unsigned>(
          64, [](unsigned* out) { out[threadIdx.x] = __shfl_sync(~0U, 1000 + threadIdx.x, static_cast<int>(threadIdx.x * 5)); },
          GetParam()),
      [&](unsigned t) { return value(t / 32 * 32 + t * 5 % 32); });
  expect_threads(run_block<unsigned>(
                     64, [](unsigned* out) { out[threadIdx.x] = __shfl_up_sync(~0U, 1000 + threadIdx.x, 3U); }, GetParam()),
                 [&](unsigned t) { return value(t % 32 < 3 ? t : t - 3); });
  expect_threads(run_block<unsigned>(
                     64, [](unsigned* out) { out[threadIdx.x] = __shfl_down_sync(~0U, 1000 + threadIdx.x, 30U); }, GetParam()),
                 [&](unsigned t) { return value(t % 32 >= 2 ? t : t + 30); });
  expect_threads(run_block<unsigned>(
                     64, [](unsigned* out) { out[threadIdx.x] = __shfl_xor_sync(~0U, 1000 + threadIdx.x, 9); }, GetParam()),
                 [&](unsigned t) { return value(t ^ 9U); });
}

TEST_P(built_ins, shuffles_within_segments) {
  const auto value = [](unsigned t) { return 1000 + t; };
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __shfl_sync(~0U, 1000 + threadIdx.x, 11, 8); }, GetParam()),
                 [&](unsigned t) { return value(t / 8 * 8 + 3); });
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __shfl_up_sync(~0U, 1000 + threadIdx.x, 1U, 8); }, GetParam()),
                 [&](unsigned t) { return value(t % 8 == 0 ? t : t - 1); });
  expect_threads(
      run_block<unsigned>(
          32, [](unsigned* out) { out[threadIdx.x] = __shfl_down_sync(~0U, 1000 + threadIdx.x, 1U, 8); }, GetParam()),
      [&](unsigned t) { return value(t % 8 == 7 ? t : t + 1); });
}

TEST_P(built_ins, shuffles_carry_64_bits) {
  expect_threads(
      run_block<unsigned long long>(
          32, [](unsigned long long* out) { out[threadIdx.x] = __shfl_sync(~0U, (1ULL << 40) + threadIdx.x, 31); }, GetParam()),
      [](unsigned) { return (1ULL << 40) + 31; });
}

TEST_P(built_ins, matches_and_reductions) {
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __match_any_sync(~0U, threadIdx.x / 10); }, GetParam()),
                 [](unsigned t) {
                   return t < 10 ? 0x3ffU : t < 20 ? 0xffc00U : t < 30 ? 0x3ff00000U : 0xc0000000U;
                 });
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __reduce_add_sync(~0U, threadIdx.x); }, GetParam()),
                 [](unsigned) { return 496; });
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __reduce_min_sync(~0U, threadIdx.x + 7); }, GetParam()),
                 [](unsigned) { return 7; });
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __reduce_max_sync(~0U, threadIdx.x); }, GetParam()),
                 [](unsigned) { return 31; });
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __reduce_or_sync(~0U, 1U << threadIdx.x % 4); }, GetParam()),
                 [](unsigned) { return 15; });
  expect_threads(run_block<unsigned>(
                     32, [](unsigned* out) { out[threadIdx.x] = __reduce_and_sync(~0U, 6U | threadIdx.x); }, GetParam()),
                 [](unsigned) { return 6; });
  expect_threads(
      run_block<unsigned>(
          32, [](unsigned* out) { out[threadIdx.x] = __reduce_xor_sync(~0U, threadIdx.x == 3 ? 5U : 0U); }, GetParam()),
      [](unsigned) { return 5; });
}

TEST_P(built_ins, block_votes) {
  expect_threads(run_block<int>(
                     70, [](int* out) { out[threadIdx.x] = __syncthreads_count(threadIdx.x % 2); }, GetParam()),
                 [](unsigned) { return 35; });
  expect_threads(run_block<int>(
                     70, [](int* out) { out[threadIdx.x] = __syncthreads_or(threadIdx.x == 69); }, GetParam()),
                 [](unsigned) { return 1; });
  expect_threads(run_block<int>(
                     70, [](int* out) { out[threadIdx.x] = __syncthreads_and(threadIdx.x != 69); }, GetParam()),
                 [](unsigned) { return 0; });
}

TEST_P(built_ins, barrier_orders_shared_memory) {
  expect_threads(run_block<unsigned>(
                     96,
                     [](unsigned* out) {
                       using cells = unsigned[96];
                       COUNTEM_SHARED(cells, shared);
                       for (unsigned round = 0; round < 3; ++round) {
                         shared[threadIdx.x] = threadIdx.x + round;
                         __syncthreads();
                         out[threadIdx.x] += shared[95 - threadIdx.x];
                         __syncthreads();
                       }
                     },
                     GetParam()),
                 [](unsigned t) { return 3 * (95 - t) + 3; });
}

TEST_P(built_ins, warp_barrier_orders_shared_memory) {
  expect_threads(run_block<unsigned>(
                     64,
                     [](unsigned* out) {
                       using cells = unsigned[64];
                       COUNTEM_SHARED(cells, shared);
                       shared[threadIdx.x] = threadIdx.x;
                       __syncwarp();
                       out[threadIdx.x] = shared[threadIdx.x ^ 31U];
                     },
                     GetParam()),
                 [](unsigned t) { return t ^ 31U; });
}

TEST_P(built_ins, atomics_lose_nothing) {
  const auto sums = run_block<unsigned>(
      256,
      [](unsigned* out) {
        atomicAdd(&out[0], threadIdx.x);
        atomicMax(&out[1], threadIdx.x);
        atomicOr(&out[2], 1U << threadIdx.x % 32);
        atomicMin(&out[3], threadIdx.x);
        if (atomicCAS(&out[4], 0U, threadIdx.x + 1) == 0) atomicExch(&out[5], 77U);
        if (atomicExch(&out[6], 1U) == 0) atomicAdd(&out[7], 1U);
      },
      GetParam());
  EXPECT_EQ(sums[0], 255U * 128U);
  EXPECT_EQ(sums[1], 255U);
  EXPECT_EQ(sums[2], ~0U);
  EXPECT_EQ(sums[3], 0U);
  EXPECT_GE(sums[4], 1U);
  EXPECT_EQ(sums[5], 77U);
  EXPECT_EQ(sums[7], 1U);
}

TEST(intrinsics, bits) {
  EXPECT_EQ(__popc(0xf00fU), 8);
  EXPECT_EQ(__popcll(~0ULL), 64);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(8), 4);
  EXPECT_EQ(__ffsll(1LL << 40), 41);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__clzll(1), 63);
  EXPECT_EQ(__funnelshift_r(0x89abcdefU, 0x01234567U, 8), 0x6789abcdU);
  EXPECT_EQ(__funnelshift_r(1U, 2U, 32), 1U);
  EXPECT_EQ(__uint_as_float(0x3f800000U), 1.0F);
}

TEST(schedules, the_same_seed_gives_the_same_run) {
  const auto switches = [](std::uint64_t seed) {
    const std::uint64_t before = device_model::stats().switches;
    run_block<unsigned>(
        64, [](unsigned* out) { atomicAdd(&out[0], __ballot_sync(~0U, threadIdx.x % 2)); }, seed);
    return device_model::stats().switches - before;
  };
  EXPECT_EQ(switches(5), switches(5));
}

}  // namespace
