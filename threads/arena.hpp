#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <map>
#include <mutex>

namespace countem {

/// The arena of `threads` threads; 0, or more than the process may use (of which TBB would complain on stderr): all of these.
/// Callers at the same time share its threads. It is kept until the process ends: TBB 2021 loses some kilobytes with each arena
/// that is used and destroyed, which adds up where stores are opened and reduced thousands of times.
[[nodiscard]] inline tbb::task_arena& arena_of(unsigned threads) {
  static std::mutex guard;
  static auto* const arenas = new std::map<int, tbb::task_arena>;  // never destroyed: threads may still work at exit
  const auto most = static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
  const int wanted = threads == 0 ? most : std::min(static_cast<int>(std::min(threads, 1U << 16U)), most);
  const std::lock_guard lock(guard);
  return arenas->try_emplace(wanted, wanted).first->second;
}

}  // namespace countem
