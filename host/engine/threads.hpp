#pragma once

#include "threads/arena.hpp"

namespace countem::engine {

/// Runs `work` with this many threads for its parallel loops, 0: all that the process may use; never more than that.
template <class Work>
auto run_with(unsigned threads, const Work& work) {
  return arena_of(threads).execute(work);
}

}  // namespace countem::engine
