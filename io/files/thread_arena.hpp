#pragma once

#include <tbb/info.h>
#include <tbb/task_arena.h>

#include <algorithm>

namespace countem::io {

/// An arena of `threads` threads; 0, or more than the machine has (of which TBB would complain on stderr): all cores.
[[nodiscard]] inline tbb::task_arena arena_of(unsigned threads) {
  const int most = tbb::info::default_concurrency();
  return tbb::task_arena(threads == 0 ? most : std::min(static_cast<int>(std::min(threads, 1U << 16U)), most));
}

}  // namespace countem::io
