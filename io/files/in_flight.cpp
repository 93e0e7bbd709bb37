#include "io/files/in_flight.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <countem/stop.hpp>

namespace countem::io {

namespace {

using wall_clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds alone{1};
constexpr std::chrono::milliseconds between_looks{50};  // at the request to stop and at what is done
constexpr std::uint64_t taken_at_once = 4;              // consecutive parts

class flight {
 public:
  flight(std::uint64_t parts, const std::function<void(std::uint64_t)>& read, const std::function<void(std::uint64_t)>& seen)
      : parts_(parts), read_(read), seen_(seen) {}
  flight(const flight&) = delete;
  flight& operator=(const flight&) = delete;
  ~flight() { ended_ = true; }  // and then the threads are joined

  void run() {
    read_here(wall_clock::now() + alone);
    if (next_ < parts_) {
      start_threads();
      threads_.empty() ? read_here(wall_clock::time_point::max()) : watch_threads();
    }
    if (failure_) std::rethrow_exception(failure_);
    if (seen_) seen_(parts_);
  }

 private:
  void read_here(wall_clock::time_point until) {
    wall_clock::time_point look = wall_clock::now() + between_looks;
    for (std::uint64_t part = next_; part < parts_; ++part) {
      const wall_clock::time_point now = wall_clock::now();
      if (now >= until) break;
      check_stop();
      if (seen_ && now >= look) {
        look = now + between_looks;
        seen_(part);
      }
      read_(part);
      next_ = done_ = part + 1;
    }
  }

  void start_threads() {
    const std::uint64_t useful = (parts_ - next_ + taken_at_once - 1) / taken_at_once;
    try {
      while (threads_.size() < std::min<std::uint64_t>(reads_in_flight, useful)) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system starts no more: those that there are do it.
    }
  }

  void work() noexcept {
    try {
      while (!ended_) {
        const std::uint64_t first = next_.fetch_add(taken_at_once);
        if (first >= parts_) break;
        const std::uint64_t last = std::min(parts_, first + taken_at_once);
        for (std::uint64_t part = first; part < last && !ended_; ++part) read_(part);
        done_ += last - first;
      }
    } catch (...) {
      ended_ = true;
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    ++finished_;
    changed_.notify_one();
  }

  void watch_threads() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, between_looks, [this] { return finished_ == threads_.size(); })) {
      lock.unlock();
      check_stop();
      if (seen_) seen_(done_);
      lock.lock();
    }
  }

  const std::uint64_t parts_;
  const std::function<void(std::uint64_t)>& read_;
  const std::function<void(std::uint64_t)>& seen_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t finished_ = 0;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // last: they use all that is above
};

}  // namespace

void read_in_flight(std::uint64_t parts, const std::function<void(std::uint64_t)>& read,
                    const std::function<void(std::uint64_t)>& seen) {
  flight(parts, read, seen).run();
}

}  // namespace countem::io
