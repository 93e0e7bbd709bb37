#pragma once

#include <oneapi/tbb/task_group.h>

#include <functional>
#include <utility>

#include "threads/arena.hpp"

namespace countem {

/// One piece of work at a time that is done while its owner does another: what comes next is read while this is worked on.
class ahead {
 public:
  /// `threads` as for arena_of(); with 1, the work is done when it is waited for.
  explicit ahead(unsigned threads) : arena_(arena_of(threads)), alone_(threads == 1) {}
  ahead(const ahead&) = delete;
  ahead& operator=(const ahead&) = delete;
  ~ahead() {
    if (alone_) return;
    try {
      wait();
    } catch (...) {  // another exception is on its way
    }
  }

  /// What it refers to must live until it was waited for, and be made before this object.
  void start(std::function<void()> work) {
    if (alone_) {
      waiting_ = std::move(work);
    } else {
      arena_.enqueue(running_.defer(std::move(work)));
    }
  }

  /// The work is done, if any was started. @throws what it throws
  void wait() {
    if (!alone_) {
      arena_.execute([&] { running_.wait(); });
    } else if (waiting_) {
      std::exchange(waiting_, {})();
    }
  }

 private:
  tbb::task_arena& arena_;
  bool alone_;
  std::function<void()> waiting_;
  tbb::task_group running_;
};

}  // namespace countem
