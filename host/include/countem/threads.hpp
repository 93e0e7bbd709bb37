#pragma once

#include <memory>
#include <optional>
#include <string>

namespace countem {

/// How many threads the parallel loops of the library use where none is given: those of the processor affinity, or what a
/// thread_limit of this process allows.
[[nodiscard]] unsigned usable_threads();

/// Processors that the CPU quotas of the process's control groups (versions 1 and 2) amount to, rounded up; nothing where there
/// is no quota. `root`: the path before /proc and /sys.
[[nodiscard]] std::optional<unsigned> cpu_quota(const std::string& root = {});

/// Limits the threads of this process, for as long as it exists, to what its host grants: the quota of its control groups, and
/// as many as the system lets it start (containers and batch systems limit them). A program makes one when it starts. A lack
/// of threads is reported by notify_once() (countem/notices.hpp).
class thread_limit {
 public:
  /// Starts and ends the threads once, to find out how many there may be.
  thread_limit();
  /// Limits them to this many, as where several processes share a machine.
  explicit thread_limit(unsigned threads);
  thread_limit(const thread_limit&) = delete;
  thread_limit& operator=(const thread_limit&) = delete;
  ~thread_limit();

 private:
  struct control;
  std::unique_ptr<control> control_;
};

}  // namespace countem
