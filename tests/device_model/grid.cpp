// How a grid runs: blocks one after another, the threads of a block as fibers in turn. collectives.cpp has what threads do
// together, shared_memory.cpp what they share.
#include "grid.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "machine.hpp"

namespace device_model {

const built_in_variables* current = nullptr;

namespace {

machine& the_machine() {
  static machine* const only = new machine;  // never destroyed: its fibers' stacks are in use until the process ends
  return *only;
}
}  // namespace

machine& m = the_machine();

namespace {

const char* name_of(collective what) {
  static constexpr const char* names[] = {"nothing",           "__ballot_sync",     "__all_sync",        "__any_sync",
                                          "__shfl_sync",       "__shfl_up_sync",    "__shfl_down_sync",  "__shfl_xor_sync",
                                          "__match_any_sync",  "__reduce_add_sync", "__reduce_min_sync", "__reduce_max_sync",
                                          "__reduce_and_sync", "__reduce_or_sync",  "__reduce_xor_sync", "__syncwarp",
                                          "__syncthreads",     "__syncthreads_or",  "__syncthreads_and", "__syncthreads_count"};
  return names[static_cast<int>(what)];
}

}  // namespace

std::string position_of(const thread& t) {
  return "thread " + std::to_string(t.number) + " of block " + std::to_string(t.variables.block_index.x) + "," +
         std::to_string(t.variables.block_index.y) + "," + std::to_string(t.variables.block_index.z) + " at " +
         name_of(t.waits_for) + " " + t.where.file_name() + ":" + std::to_string(t.where.line());
}

void fail(const std::string& why) {
  if (m.failure.empty()) m.failure = why;
}

[[noreturn]] void refuse_grid(const std::string& why) {
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

namespace {

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

void start_block(const uint3& block_index) {
  const dim3 extent = m.launched.block;
  const unsigned count = extent.x * extent.y * extent.z;
  m.at_barrier = 0;
  m.ready.clear();
  m.threads.clear();  // and then filled one by one: a library call that clears memory is one that ThreadSanitizer sees
  // Another fiber runs each thread in every block, so that a fiber's own order of events hides no race between blocks.
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
void preempt() {
  if (m.order.random && draw(1000) < m.order.preempt_permille) {
    m.ready.push_back(m.running->number);
    give_turn_away();
  }
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
  release_shared();
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
