#include "host/python/desk.hpp"

#include <nanobind/nanobind.h>

#include <chrono>
#include <thread>
#include <utility>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "host/python/interrupts.hpp"

namespace countem::python {

namespace {

constexpr std::chrono::milliseconds between_looks{50};  // at signals and progress

}  // namespace

void desk::run(const std::function<void()>& work, const std::function<void()>& now_and_then) {
  std::exception_ptr thrown;
  ended_ = false;
  std::thread worker([&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    asked_.notify_one();
  });
  auto shown = std::chrono::steady_clock::now();
  while (const std::shared_ptr<request> asked = next()) {
    guard([&] {
      check_signals();
      if (now_and_then && std::chrono::steady_clock::now() - shown >= between_looks) {
        shown = std::chrono::steady_clock::now();
        now_and_then();
      }
    });
    if (asked->call) guard(asked->call);
    const std::lock_guard lock(mutex_);
    asked->done = true;
    asked->failed = failed_ != nullptr;
    answered_.notify_all();
  }
  worker.join();
  if (now_and_then) guard(now_and_then);
  if (failed_ != nullptr) std::rethrow_exception(std::exchange(failed_, nullptr));
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

/// What to do next, which is nothing at all now and then; null when the work has ended.
std::shared_ptr<desk::request> desk::next() {
  const nanobind::gil_scoped_release released;
  std::unique_lock lock(mutex_);
  asked_.wait_for(lock, between_looks, [this] { return ended_ || !requests_.empty(); });
  if (ended_) {  // what was posted last is needed by nobody
    requests_.clear();
    return nullptr;
  }
  if (requests_.empty()) return std::make_shared<request>();
  std::shared_ptr<request> first = std::move(requests_.front());
  requests_.pop_front();
  return first;
}

/// Keeps the first exception, after which nothing is called any more.
void desk::guard(const std::function<void()>& call) {
  if (failed_ != nullptr) return;
  try {
    call();
  } catch (...) {
    failed_ = std::current_exception();
    stop_.store(true);
  }
}

void desk::ask(const std::function<void()>& call) {
  const auto asked = std::make_shared<request>(request{call});
  std::unique_lock lock(mutex_);
  requests_.push_back(asked);
  asked_.notify_one();
  answered_.wait(lock, [&] { return asked->done; });
  if (asked->failed) throw interrupted("Python code failed");
}

void desk::post(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(std::make_shared<request>(request{std::move(call)}));
  asked_.notify_one();
}

void run_stoppable(const std::function<void()>& work) {
  try {
    desk(stop_requested).run(work);
  } catch (...) {
    stop_requested.store(false);  // the process continues
    throw;
  }
}

}  // namespace countem::python
