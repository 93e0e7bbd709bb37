// The model of what threads do together: shuffles, votes and barriers of a warp, barriers of a block. Refuses what the
// programming guide forbids.
#include <algorithm>
#include <bit>
#include <string>

#include "machine.hpp"

namespace device_model {

namespace {

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
    if (lane >= lanes) refuse_grid("the mask names a lane beyond the block: " + position_of(arriving));
    const thread& other = *warp[lane];
    if (other.state == turn::done)
      refuse_grid("the mask names lane " + std::to_string(lane) + ", which has exited: " + position_of(arriving));
    if (other.state != turn::waiting || other.waits_for >= collective::sync_block) {
      all_here = false;
    } else if (other.mask != arriving.mask || other.waits_for != arriving.waits_for ||
               other.where.line() != arriving.where.line()) {
      if ((other.mask & arriving.mask) != 0)
        refuse_grid("lanes of one warp have diverged: " + position_of(arriving) + " against " + position_of(other));
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

/// The last to arrive wakes the others; which thread resumes first is drawn.
void resume(thread& t) {
  t.state = turn::ready;
  if (m.order.random && draw(2) == 0) {
    m.ready.push_back(t.number);
    give_turn_away();
  }
}

}  // namespace

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
  if (((mask >> lane) & 1U) == 0) refuse_grid("the calling lane is not in its own mask: " + position_of(self));
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
    resume(self);
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
        refuse_grid("threads of one block meet at different barriers: " + position_of(self) + " against " + position_of(*t));
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
    resume(self);
  } else {
    give_turn_away();
  }
  point.observe();
  return static_cast<int>(self.result);
}

}  // namespace device_model
