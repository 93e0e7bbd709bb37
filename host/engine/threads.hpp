#pragma once

#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>

namespace countem::engine {

/// Runs `work` with this many threads for its parallel loops, 0: all cores; never more than there are cores.
template <class Work>
auto run_with(unsigned threads, const Work& work) {
  const auto cores = static_cast<unsigned>(oneapi::tbb::info::default_concurrency());
  oneapi::tbb::task_arena arena(static_cast<int>(threads == 0 ? cores : std::min(threads, cores)));
  return arena.execute(work);
}

}  // namespace countem::engine
