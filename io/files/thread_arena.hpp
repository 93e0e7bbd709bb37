#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>

namespace countem::io {

/// An arena of `threads` threads; 0, or more than the process may use (of which TBB would complain on stderr): all of these.
[[nodiscard]] inline tbb::task_arena arena_of(unsigned threads) {
  const auto most = static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
  return tbb::task_arena(threads == 0 ? most : std::min(static_cast<int>(std::min(threads, 1U << 16U)), most));
}

}  // namespace countem::io
