#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fiber.hpp"
#include "grid.hpp"
#include "model.hpp"

/// What the files that play the device share: the threads of the running block and everything about its grid.
namespace device_model {

constexpr unsigned warp_lanes = 32;
constexpr unsigned max_threads = 1024;

enum class turn : std::uint8_t { ready, waiting, done };

/// Thrown through a kernel's frames when its grid has failed.
struct grid_failed {};

/// One CUDA thread of the running block.
struct thread {
  explicit thread(void (*body)(fiber&), std::size_t colour) : stack(body, colour) {}

  fiber stack;
  built_in_variables variables;
  unsigned number = 0;
  turn state = turn::done;
  // What it waits for, and with what.
  collective waits_for = collective::none;
  unsigned mask = 0;
  std::uint64_t value = 0;
  int argument = 0;
  int width = 32;
  place where;
  std::uint64_t result = 0;
  order_point into_warp_barrier;
  order_point out_of_warp_barrier;
};

/// Everything about the grid that runs now. Lives for the life of the program: fibers cannot be destroyed in mid-kernel.
/// Nothing here grows while a grid runs: TSan would take the model's allocations for the kernel's.
struct machine {
  machine() {
    pool.reserve(max_threads);
    threads.reserve(max_threads);
    ready.reserve(1 << 16);
  }

  schedule order;
  statistics used;
  std::uint64_t random_state = 1;

  std::vector<thread*> pool;     ///< all threads ever made
  std::vector<thread*> threads;  ///< those of the block, by number
  std::vector<unsigned> ready;   ///< numbers of the threads that may run
  thread* running = nullptr;
  unsigned at_barrier = 0;
  std::uint64_t barrier_votes = 0;
  unsigned barrier_generation = 0;
  std::array<order_point, 2> barrier;  ///< two: one thread may reach the next barrier before another has left this one

  grid launched;
  order_point* before = nullptr;              ///< all threads start after it
  order_point* after = nullptr;               ///< and end before it
  std::vector<unsigned char*> shared_blocks;  ///< of all blocks so far
  unsigned char* dynamic = nullptr;           ///< dynamic shared memory of the running block
  unsigned char* variables = nullptr;         ///< its variables in shared memory
  std::map<const void*, std::size_t> variable_offsets;
  std::size_t variables_used = 0;
  std::string failure;
};

extern machine& m;

[[nodiscard]] std::string position_of(const thread& t);
/// Notes why the grid is refused, unless it was before.
void fail(const std::string& why);
/// The same, and leaves the kernel.
[[noreturn]] void refuse_grid(const std::string& why);
void make_ready(thread& t);
/// The running thread gives its turn to another. Returns when it has it again; throws grid_failed when the grid has failed.
void give_turn_away();

/// Shared memory of a new block: noise, or what the block before left there.
void renew_shared();
/// Frees the shared memory of a finished grid.
void release_shared();

}  // namespace device_model
