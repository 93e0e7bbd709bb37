// One mistake a run, named on the command line. The sanitizers must report each; the test looks for their words.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resources.hpp"
#include "model.hpp"

namespace {

using namespace countem::cuda;

using cells = unsigned[64];

void missing_barrier(unsigned* out) {
  COUNTEM_SHARED(cells, shared);
  shared[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = shared[63 - threadIdx.x];
}

void missing_warp_barrier(unsigned* out) {
  COUNTEM_SHARED(cells, shared);
  shared[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = shared[threadIdx.x ^ 1U];
}

void missing_barrier_in_dynamic_memory(unsigned* out) {
  auto* shared = dynamic_shared<unsigned>();
  shared[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = shared[63 - threadIdx.x];
}

void shuffle_does_not_order_memory(unsigned* out) {
  COUNTEM_SHARED(cells, shared);
  shared[threadIdx.x] = threadIdx.x;
  const unsigned other = __shfl_xor_sync(~0U, threadIdx.x, 1);
  out[threadIdx.x] = shared[other];
}

void plain_sum(unsigned* out) {
  out[0] += threadIdx.x;
}

void blocks_write_one_place(unsigned* out) {
  if (threadIdx.x == 0) out[0] = blockIdx.x;
}

void beyond_shared_variable(unsigned* out) {
  COUNTEM_SHARED(cells, shared);
  shared[threadIdx.x + 1] = 1;
  __syncthreads();
  out[threadIdx.x] = shared[threadIdx.x];
}

void beyond_dynamic_memory(unsigned* out) {
  out[threadIdx.x] = dynamic_shared<unsigned>()[threadIdx.x + 1];
}

void beyond_global_memory(unsigned* out) {
  out[threadIdx.x + 1] = 1;
}

void run(void (*kernel)(unsigned*)) {
  const cuda_stream stream;
  const device_buffer<unsigned> out(64);
  fill_with_zeros(out.data(), out.size(), stream);
  launch({dim3(2), dim3(64), 256}, stream.get(), kernel, out.data());
  stream.synchronize();
}

void fill(unsigned* out) {
  out[threadIdx.x] = threadIdx.x;
}

void streams_without_an_event() {
  const cuda_stream one;
  const cuda_stream other;
  const device_buffer<unsigned> out(64);
  const pinned_buffer<unsigned> host(64);
  launch({dim3(1), dim3(64), 0}, one.get(), fill, out.data());
  copy_to_host(out.data(), host.data(), 64, other);
  one.synchronize();
  other.synchronize();
}

void host_reads_too_early() {
  const cuda_stream stream;
  const device_buffer<unsigned> out(64);
  const pinned_buffer<unsigned> host(64);
  fill_with_zeros(out.data(), 64, stream);
  copy_to_host(out.data(), host.data(), 64, stream);
  std::printf("%u\n", host.data()[3]);
  stream.synchronize();
}

void host_writes_too_early() {
  const cuda_stream stream;
  const device_buffer<unsigned> in(64);
  const pinned_buffer<unsigned> host(64);
  copy_to_device(host.data(), in.data(), 64, stream);
  host.data()[3] = 1;
  stream.synchronize();
}

void host_touches_device_memory() {
  const device_buffer<unsigned> out(64);
  std::printf("%u\n", out.data()[3]);
}

void kernel_uses_freed_memory() {
  const cuda_stream stream;
  device_buffer<unsigned> out(64);
  unsigned* const stale = out.data();
  out = device_buffer<unsigned>();
  launch({dim3(1), dim3(64), 0}, stream.get(), fill, stale);
  stream.synchronize();
}

}  // namespace

int main(int count, char** arguments) {
  const std::map<std::string, void (*)(unsigned*)> kernels{
      {"missing_barrier", missing_barrier},
      {"missing_warp_barrier", missing_warp_barrier},
      {"missing_barrier_in_dynamic_memory", missing_barrier_in_dynamic_memory},
      {"shuffle_does_not_order_memory", shuffle_does_not_order_memory},
      {"plain_sum", plain_sum},
      {"blocks_write_one_place", blocks_write_one_place},
      {"beyond_shared_variable", beyond_shared_variable},
      {"beyond_dynamic_memory", beyond_dynamic_memory},
      {"beyond_global_memory", beyond_global_memory},
  };
  const std::map<std::string, void (*)()> programs{
      {"streams_without_an_event", streams_without_an_event}, {"host_reads_too_early", host_reads_too_early},
      {"host_writes_too_early", host_writes_too_early},       {"host_touches_device_memory", host_touches_device_memory},
      {"kernel_uses_freed_memory", kernel_uses_freed_memory},
  };
  const std::string name = count > 1 ? arguments[1] : "";
  device_model::set_schedule({.seed = 3});
  if (const auto kernel = kernels.find(name); kernel != kernels.end()) {
    run(kernel->second);
  } else if (const auto program = programs.find(name); program != programs.end()) {
    program->second();
  } else {
    std::fprintf(stderr, "usage: device_model_faults NAME\n");
    return EXIT_FAILURE;
  }
  std::printf("nothing was reported\n");
  return EXIT_SUCCESS;
}
