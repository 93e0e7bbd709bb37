#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <source_location>
#include <string>

#include "fiber.hpp"
#include "model.hpp"

/// How grids run: what the built-ins of built_ins.hpp call, and what the runtime model calls to run a kernel.
namespace device_model {

using place = std::source_location;

enum class collective : std::uint8_t {
  none,
  ballot,
  all,
  any,
  shuffle,
  shuffle_up,
  shuffle_down,
  shuffle_xor,
  match_any,
  reduce_add,
  reduce_min,
  reduce_max,
  reduce_and,
  reduce_or,
  reduce_xor,
  sync_warp,
  sync_block,
  sync_block_or,
  sync_block_and,
  sync_block_count,
};

/// The built-in variables of the CUDA thread that has its turn.
struct built_in_variables {
  uint3 thread_index{};
  uint3 block_index{};
  dim3 block_extent{};
  dim3 grid_extent{};
};
extern const built_in_variables* current;

/// All lanes of `mask` meet here. `value` is the lane's contribution, `argument` its lane, delta or lane mask, as raw bits.
std::uint64_t warp_collective(collective what, unsigned mask, std::uint64_t value, int argument, int width, const place& where);
/// All threads of the block meet here.
int block_collective(collective what, int predicate, const place& where);
/// A thread may lose its turn here.
void preempt();
/// Dynamic shared memory of the running block.
unsigned char* dynamic_shared();
/// The variable in shared memory that is declared there; each block has its own, full of noise.
void* shared_variable(const void* declaration, std::size_t bytes);

/// A kernel with its arguments, ready to be run by every thread of a grid.
struct grid {
  dim3 extent;
  dim3 block;
  std::size_t shared_bytes = 0;
  void (*body)(void* arguments) = nullptr;
  void* arguments = nullptr;
};

/// Runs the grid to its end, ordered after and before what the calling context does. Returns why the device refused it, empty
/// when it ran.
std::string run_grid(const grid& launched);

/// A number in [0, below), from the schedule's seed.
std::uint64_t draw(std::uint64_t below);
[[nodiscard]] const schedule& current_schedule();
[[nodiscard]] statistics& mutable_stats();

}  // namespace device_model
