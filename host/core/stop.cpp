#include <countem/stop.hpp>

namespace countem {

std::atomic<bool> stop_requested{false};

void check_stop() {
  if (stop_requested.load(std::memory_order_relaxed)) throw interrupted("interrupted; no output was finished");
}

}  // namespace countem
