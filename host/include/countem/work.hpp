#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

// How far long work is, for whoever waits. As with stop_requested there is one watcher for the whole process: the loops are
// deep in the library, and what waits for them is a person.
namespace countem {

/// How far a piece of work is.
struct work_progress {
  std::string_view doing;   ///< "verifying"
  std::string_view unit;    ///< what is counted, in the plural: "frames"
  std::uint64_t done = 0;   ///< at most `total`
  std::uint64_t total = 0;  ///< how many there are to do
  double seconds = 0;       ///< since the piece began
  bool ended = false;       ///< nothing follows about this piece
};

/// Sees pieces of work that have lasted a while, some ten times a second, and the end of those it saw. Must not throw.
using work_observer = std::function<void(const work_progress&)>;

/// Makes this the watcher of the whole process; an empty one ends that. Calls come from the threads that work, one at a time;
/// none is under way when this returns.
void watch_work(work_observer observer);

/// A piece of work of the thread that makes it, advanced by any thread.
class work {
 public:
  /// `doing` and `unit` as in work_progress; they must outlive the object. `total`: how many there are to do.
  work(std::string_view doing, std::string_view unit, std::uint64_t total);
  ~work();
  work(const work&) = delete;
  work& operator=(const work&) = delete;

  /// So many more are done. @throws interrupted when the process is to end what it does (check_stop())
  void advance(std::uint64_t more = 1);

 private:
  using clock = std::chrono::steady_clock;

  void show(clock::time_point now, bool ended);

  std::string_view doing_;
  std::string_view unit_;
  std::uint64_t total_;
  clock::time_point start_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<clock::rep> next_;  ///< when the watcher is called again
  std::atomic<bool> seen_{false};
};

}  // namespace countem
