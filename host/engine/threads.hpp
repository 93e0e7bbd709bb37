#pragma once

#include <oneapi/tbb/task_arena.h>

#include <algorithm>

#include <countem/threads.hpp>

namespace countem::engine {

/// Runs `work` with this many threads for its parallel loops, 0: all that the process may use; never more than that.
template <class Work>
auto run_with(unsigned threads, const Work& work) {
  const unsigned most = usable_threads();
  oneapi::tbb::task_arena arena(static_cast<int>(threads == 0 ? most : std::min(threads, most)));
  return arena.execute(work);
}

}  // namespace countem::engine
