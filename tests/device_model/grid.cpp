#include "grid.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <map>
#include <numeric>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(address, size) static_cast<void>(0)
#define __asan_unpoison_memory_region(address, size) static_cast<void>(0)
#endif

namespace device_model {

const built_in_variables* current = nullptr;

namespace {

constexpr unsigned warp_lanes = 32;
constexpr unsigned max_threads = 1024;
constexpr std::size_t shared_alignment = 16;
constexpr std::size_t variables_bytes = 8 << 10;  ///< more than any of our kernels declares
constexpr std::size_t red_zone = 32;              ///< between two variables

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

machine& the_machine() {
  static machine* const only = new machine;  // never destroyed: its fibers' stacks are in use until the process ends
  return *only;
}
machine& m = the_machine();

const char* name_of(collective what) {
  static constexpr const char* names[] = {"nothing",           "__ballot_sync",     "__all_sync",        "__any_sync",
                                          "__shfl_sync",       "__shfl_up_sync",    "__shfl_down_sync",  "__shfl_xor_sync",
                                          "__match_any_sync",  "__reduce_add_sync", "__reduce_min_sync", "__reduce_max_sync",
                                          "__reduce_and_sync", "__reduce_or_sync",  "__reduce_xor_sync", "__syncwarp",
                                          "__syncthreads",     "__syncthreads_or",  "__syncthreads_and", "__syncthreads_count"};
  return names[static_cast<int>(what)];
}

std::string position_of(const thread& t) {
  return "thread " + std::to_string(t.number) + " of block " + std::to_string(t.variables.block_index.x) + "," +
         std::to_string(t.variables.block_index.y) + "," + std::to_string(t.variables.block_index.z) + " at " +
         name_of(t.waits_for) + " " + t.where.file_name() + ":" + std::to_string(t.where.line());
}

void fail(const std::string& why) {
  if (m.failure.empty()) m.failure = why;
}

[[noreturn]] void refuse(const std::string& why) {
  fail(why);
  throw grid_failed{};
}

void make_ready(thread& t) {
  t.state = turn::ready;
  m.ready.push_back(t.number);
}

void give_turn_away() {
  m.running->stack.yield();
  if (!m.failure.empty()) throw grid_failed{};
}

void thread_body(fiber& self) {
  for (;;) {
    m.before->observe();
    try {
      if (m.failure.empty()) m.launched.body(m.launched.arguments);
    } catch (const grid_failed&) {
    }
    m.after->publish();
    m.running->state = turn::done;
    self.yield();
  }
}

void run_turn(thread& t) {
  ++m.used.switches;
  m.running = &t;
  current = &t.variables;
  t.stack.resume();
}

/// Anything, the same for the same seed; small numbers too, which could pass for places or counts.
void make_noise(unsigned char* memory, std::size_t bytes) {
  const std::uint64_t masks[] = {~0ULL, 0x07ff'07ff'07ff'07ffULL, 0x0000'000f'0000'000fULL};
  const std::uint64_t mask = m.order.random ? masks[draw(3)] : ~0ULL;
  std::uint64_t noise = 0xCDCD'CDCD'CDCD'CDCDULL;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0 && m.order.random) noise = (noise * 6364136223846793005ULL + m.random_state) & mask;
    const_cast<volatile unsigned char*>(memory)[i] = static_cast<unsigned char>(noise >> (8 * (i % 8)));
  }
}

/// Shared memory of the running block: full of noise, or of what the block before left there. For TSan every block gets its
/// own, kept until the grid ends, so that it sees no other block in it; otherwise blocks take turns with the same.
void renew(unsigned char*& memory, std::size_t bytes) {
#if defined(COUNTEM_MODEL_TSAN)
  memory = nullptr;
#endif
  if (bytes == 0) return;
  const bool fresh = memory == nullptr;
  if (fresh) {
    const std::size_t whole = (bytes + shared_alignment - 1) / shared_alignment * shared_alignment;
    memory = static_cast<unsigned char*>(std::aligned_alloc(shared_alignment, whole));
    if (memory == nullptr) std::abort();
    m.shared_blocks.push_back(memory);
    __asan_poison_memory_region(memory + bytes, whole - bytes);
  }
  if (fresh || !m.order.random || draw(2) == 0) make_noise(memory, bytes);
}

void renew_shared() {
  renew(m.dynamic, m.launched.shared_bytes);
  __asan_unpoison_memory_region(m.variables, m.variables == nullptr ? 0 : variables_bytes);
  renew(m.variables, variables_bytes);
  __asan_poison_memory_region(m.variables, variables_bytes);
}

void start_block(const uint3& block_index) {
  const dim3 extent = m.launched.block;
  const unsigned count = extent.x * extent.y * extent.z;
  m.at_barrier = 0;
  m.ready.clear();
  m.threads.clear();  // and then filled one by one: a library call that clears memory is one that ThreadSanitizer sees
  // Another fiber plays each thread in every block, so that a fiber's own order of events hides no race between blocks.
  if (m.order.random) {
    for (unsigned i = count; i > 1; --i) std::swap(m.pool[i - 1], m.pool[draw(i)]);
  }
  for (unsigned i = 0; i < count; ++i) {
    thread& t = *m.pool[i];
    t.number = i;
    t.waits_for = collective::none;
    t.variables = {{i % extent.x, i / extent.x % extent.y, i / (extent.x * extent.y)}, block_index, extent, m.launched.extent};
    m.threads.push_back(&t);
    make_ready(t);
  }
  renew_shared();
  m.before->publish();
}

void let_all_leave() {
  for (thread* t : m.threads) {
    while (t->state != turn::done) run_turn(*t);
  }
}

void report_deadlock() {
  std::string waiting;
  int named = 0;
  std::size_t exited = 0;
  for (const thread* t : m.threads) {
    if (t->state == turn::done) ++exited;
    if (t->state == turn::waiting && named++ < 3) waiting += position_of(*t) + "; ";
  }
  fail("deadlock: " + waiting + std::to_string(exited) + " thread(s) have already exited");
}

void run_block(const uint3& block_index) {
  ++m.used.blocks;
  start_block(block_index);
  std::size_t alive = m.threads.size();
  std::size_t next = 0;
  while (alive != 0 && m.failure.empty()) {
    unsigned number = 0;
    if (m.order.random) {
      if (m.ready.empty()) return report_deadlock(), let_all_leave();
      const std::size_t picked = draw(m.ready.size());
      number = m.ready[picked];
      m.ready[picked] = m.ready.back();
      m.ready.pop_back();
    } else {
      if (m.ready.empty()) return report_deadlock(), let_all_leave();
      number = m.ready[next++];
      if (next == m.ready.size()) {
        m.ready.clear();
        next = 0;
      }
    }
    run_turn(*m.threads[number]);
    if (m.threads[number]->state == turn::done) --alive;
  }
  if (!m.failure.empty()) let_all_leave();
}

/// Lane whose value a shuffle or match gives to `lane`.
int source_lane(collective what, int lane, int argument, int width) {
  const int segment = lane & ~(width - 1);
  switch (what) {
    case collective::shuffle: return segment + (argument & (width - 1));
    case collective::shuffle_up: return lane - argument < segment ? lane : lane - argument;
    case collective::shuffle_down: return lane + argument >= segment + width ? lane : lane + argument;
    case collective::shuffle_xor: return (lane ^ argument) >= segment + width ? lane : lane ^ argument;
    default: return lane;
  }
}

template <class Visit>
void for_lanes(unsigned mask, Visit visit) {
  for (; mask != 0; mask &= mask - 1) visit(static_cast<unsigned>(std::countr_zero(mask)));
}

std::uint64_t joint_result(thread* const* warp, unsigned mask, collective what) {
  std::uint64_t result =
      what == collective::all || what == collective::reduce_min || what == collective::reduce_and ? ~0ULL : 0;
  for_lanes(mask, [&](unsigned lane) {
    const std::uint64_t value = warp[lane]->value;
    switch (what) {
      case collective::ballot: result |= (value != 0 ? 1ULL : 0ULL) << lane; break;
      case collective::all: result = result != 0 && value != 0 ? 1 : 0; break;
      case collective::any: result |= value != 0 ? 1 : 0; break;
      case collective::reduce_add: result += value; break;
      case collective::reduce_min: result = std::min(result, value); break;
      case collective::reduce_max: result = std::max(result, value); break;
      case collective::reduce_and: result &= value; break;
      case collective::reduce_or: result |= value; break;
      case collective::reduce_xor: result ^= value; break;
      default: break;
    }
  });
  return result;
}

std::uint64_t lane_result(thread* const* warp, unsigned mask, unsigned lane, collective what) {
  const thread& t = *warp[lane];
  if (what == collective::match_any) {
    std::uint64_t same = 0;
    for_lanes(mask, [&](unsigned other) { same |= (warp[other]->value == t.value ? 1ULL : 0ULL) << other; });
    return same;
  }
  const int source = source_lane(what, static_cast<int>(lane), t.argument, t.width);
  if (((mask >> source) & 1U) == 0) {
    fail("a shuffle reads lane " + std::to_string(source) + ", which is outside the mask: " + position_of(t));
    return 0;
  }
  return warp[source]->value;
}

bool is_shuffle(collective what) {
  return what >= collective::shuffle && what <= collective::match_any;
}

/// Whether all lanes of the mask have arrived; refuses a mask that can never be complete.
bool complete(const thread& arriving, thread* const* warp, unsigned lanes) {
  bool all_here = true;
  for_lanes(arriving.mask, [&](unsigned lane) {
    if (lane >= lanes) refuse("the mask names a lane beyond the block: " + position_of(arriving));
    const thread& other = *warp[lane];
    if (other.state == turn::done)
      refuse("the mask names lane " + std::to_string(lane) + ", which has exited: " + position_of(arriving));
    if (other.state != turn::waiting || other.waits_for >= collective::sync_block) {
      all_here = false;
    } else if (other.mask != arriving.mask || other.waits_for != arriving.waits_for ||
               other.where.line() != arriving.where.line()) {
      if ((other.mask & arriving.mask) != 0)
        refuse("lanes of one warp have diverged: " + position_of(arriving) + " against " + position_of(other));
      all_here = false;
    }
  });
  return all_here;
}

void wait(thread& t, collective what, const place& where) {
  t.waits_for = what;
  t.where = where;
  t.state = turn::waiting;
}

/// The last to arrive wakes the others; who goes on first is drawn.
void go_on(thread& t) {
  t.state = turn::ready;
  if (m.order.random && draw(2) == 0) {
    m.ready.push_back(t.number);
    give_turn_away();
  }
}

}  // namespace

std::uint64_t draw(std::uint64_t below) {
  m.random_state ^= m.random_state << 13;
  m.random_state ^= m.random_state >> 7;
  m.random_state ^= m.random_state << 17;
  return m.random_state % below;
}

void set_schedule(const schedule& wanted) {
  m.order = wanted;
  m.random_state = (wanted.seed + 1) * 0x9E3779B97F4A7C15ULL;
}

const schedule& current_schedule() {
  return m.order;
}
statistics& mutable_stats() {
  return m.used;
}
const statistics& stats() {
  return m.used;
}
unsigned char* dynamic_shared() {
  return m.dynamic;
}

void* shared_variable(const void* declaration, std::size_t bytes) {
  auto known = m.variable_offsets.find(declaration);
  if (known == m.variable_offsets.end()) {
    if (m.variables_used + bytes > variables_bytes) refuse("more variables in shared memory than the model holds");
    known = m.variable_offsets.emplace(declaration, m.variables_used).first;
    m.variables_used += (bytes + shared_alignment - 1) / shared_alignment * shared_alignment + red_zone;
  }
  __asan_unpoison_memory_region(m.variables + known->second, bytes);
  return m.variables + known->second;
}

void preempt() {
  if (m.order.random && draw(1000) < m.order.preempt_permille) {
    m.ready.push_back(m.running->number);
    give_turn_away();
  }
}

std::uint64_t warp_collective(collective what, unsigned mask, std::uint64_t value, int argument, int width,
                              const place& where) {
  thread& self = *m.running;
  const unsigned first = self.number / warp_lanes * warp_lanes;
  const unsigned lane = self.number - first;
  const auto lanes = std::min<unsigned>(warp_lanes, static_cast<unsigned>(m.threads.size()) - first);
  thread* const* warp = m.threads.data() + first;
  self.mask = mask;
  self.value = value;
  self.argument = argument;
  self.width = width;
  wait(self, what, where);
  if (((mask >> lane) & 1U) == 0) refuse("the calling lane is not in its own mask: " + position_of(self));
  if (what == collective::sync_warp) self.into_warp_barrier.publish();
  if (complete(self, warp, lanes)) {
    const std::uint64_t joint = joint_result(warp, mask, what);
    if (what == collective::sync_warp) {
      for_lanes(mask, [&](unsigned other) { warp[other]->into_warp_barrier.observe(); });
      for_lanes(mask, [&](unsigned other) { warp[other]->out_of_warp_barrier.publish(); });
    }
    for_lanes(mask,
              [&](unsigned other) { warp[other]->result = is_shuffle(what) ? lane_result(warp, mask, other, what) : joint; });
    if (!m.failure.empty()) throw grid_failed{};
    for_lanes(mask, [&](unsigned other) {
      if (other != lane) make_ready(*warp[other]);
    });
    go_on(self);
  } else {
    give_turn_away();
  }
  if (what == collective::sync_warp) self.out_of_warp_barrier.observe();
  return self.result;
}

int block_collective(collective what, int predicate, const place& where) {
  thread& self = *m.running;
  wait(self, what, where);
  if (m.at_barrier == 0) m.barrier_votes = 0;
  m.barrier_votes += predicate != 0 ? 1 : 0;
  order_point& point = m.barrier[m.barrier_generation & 1U];
  point.publish();
  if (++m.at_barrier == m.threads.size()) {
    for (const thread* t : m.threads) {
      if (t->waits_for != what || t->where.line() != where.line()) {
        refuse("threads of one block meet at different barriers: " + position_of(self) + " against " + position_of(*t));
      }
    }
    m.at_barrier = 0;
    ++m.barrier_generation;
    const std::uint64_t votes = m.barrier_votes;
    const std::uint64_t result = what == collective::sync_block_or    ? (votes != 0 ? 1 : 0)
                                 : what == collective::sync_block_and ? (votes == m.threads.size() ? 1 : 0)
                                                                      : votes;
    for (thread* t : m.threads) {
      t->result = result;
      if (t != &self) make_ready(*t);
    }
    go_on(self);
  } else {
    give_turn_away();
  }
  point.observe();
  return static_cast<int>(self.result);
}

std::string run_grid(const grid& launched) {
  order_point before;
  order_point after;
  ++m.used.grids;
  m.launched = launched;
  m.before = &before;
  m.after = &after;
  m.failure.clear();
  m.variable_offsets.clear();
  m.variables_used = 0;
  const std::size_t threads = std::size_t{launched.block.x} * launched.block.y * launched.block.z;
  while (m.pool.size() < threads) m.pool.push_back(new thread(thread_body, m.pool.size()));

  const dim3 extent = launched.extent;
  std::vector<std::uint64_t> blocks(std::size_t{extent.x} * extent.y * extent.z);
  std::iota(blocks.begin(), blocks.end(), 0U);
  if (m.order.random) {
    for (std::size_t i = blocks.size(); i > 1; --i) std::swap(blocks[i - 1], blocks[draw(i)]);
  }
  for (const std::uint64_t block : blocks) {
    run_block({static_cast<unsigned>(block % extent.x), static_cast<unsigned>(block / extent.x % extent.y),
               static_cast<unsigned>(block / extent.x / extent.y)});
    if (!m.failure.empty()) break;
  }
  after.observe();
  __asan_unpoison_memory_region(m.variables, variables_bytes);
  for (unsigned char* block : m.shared_blocks) std::free(block);
  m.shared_blocks = {};
  m.dynamic = nullptr;
  m.variables = nullptr;
  return m.failure;
}

}  // namespace device_model

#ifdef COUNTEM_MODEL_TSAN
/// What the model allocates and clears for its own books is ordered by its lock, which ThreadSanitizer must not take for an
/// order between the CUDA threads on whose behalf it happens. Only accesses from within these two functions are forgiven: what
/// kernels touch is touched by kernels.
extern "C" const char* __tsan_default_suppressions() {
  return "race:device_model::shared_variable\nrace:device_model::run_grid\n";
}
#endif
