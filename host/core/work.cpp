#include <countem/work.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

#include <countem/stop.hpp>

namespace countem {

namespace {

constexpr std::chrono::milliseconds first_after{1500};
constexpr std::chrono::milliseconds again_after{100};

std::mutex guard;
work_observer watcher;

}  // namespace

void watch_work(work_observer observer) {
  const std::lock_guard lock(guard);
  watcher = std::move(observer);
}

work::work(std::string_view doing, std::string_view unit, std::uint64_t total)
    : doing_(doing),
      unit_(unit),
      total_(total),
      start_(clock::now()),
      next_((start_ + first_after).time_since_epoch().count()) {}

work::~work() {
  if (seen_.load(std::memory_order_relaxed)) show(clock::now(), true);
}

void work::advance(std::uint64_t more) {
  check_stop();
  done_.fetch_add(more, std::memory_order_relaxed);
  const clock::time_point now = clock::now();
  clock::rep next = next_.load(std::memory_order_relaxed);
  const clock::rep later = (now + again_after).time_since_epoch().count();
  // One of the threads that come at the same time shows it.
  if (now.time_since_epoch().count() < next || !next_.compare_exchange_strong(next, later, std::memory_order_relaxed)) return;
  show(now, false);
}

void work::show(clock::time_point now, bool ended) {
  const std::lock_guard lock(guard);
  if (!watcher) return;
  seen_.store(true, std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  watcher({doing_, unit_, std::min(done_.load(std::memory_order_relaxed), total_), total_, seconds, ended});
}

}  // namespace countem
