#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace countem::python {

/// The Python thread that called, while the library works in threads of its own: it alone does what needs Python, which is
/// reading arrays, showing progress and Ctrl-C. It holds the GIL while it does so, and not while it waits.
class desk {
 public:
  /// `stop`: raised when Python code failed or a signal's handler raised something; not owned.
  explicit desk(std::atomic<bool>& stop) : stop_(stop) {}
  desk(const desk&) = delete;
  desk& operator=(const desk&) = delete;

  /// Runs `work` in another thread and serves it until it ends. `now_and_then` is called some times a second, last when `work`
  /// has ended. With the GIL.
  /// @throws what Python code threw here first, else what `work` throws
  void run(const std::function<void()>& work, const std::function<void()>& now_and_then = {});

  /// Has `call` made in the Python thread, and waits for it. For `work` and its threads, without the GIL.
  /// @throws interrupted where Python code failed here, this or other
  void ask(const std::function<void()>& call);
  /// Has it made later; without a word where that cannot be any more.
  void post(std::function<void()> call);

  /// What is raised when `work` is to end.
  [[nodiscard]] const std::atomic<bool>& stop() const { return stop_; }

 private:
  struct request {
    std::function<void()> call;
    bool done = false;
    bool failed = false;
  };

  [[nodiscard]] std::shared_ptr<request> next();
  void guard(const std::function<void()>& call);

  std::atomic<bool>& stop_;
  std::exception_ptr failed_;  // of the Python thread alone
  std::mutex mutex_;
  std::condition_variable asked_;
  std::condition_variable answered_;
  std::deque<std::shared_ptr<request>> requests_;
  bool ended_ = false;
};

/// Runs work of the library that ends when stop_requested is raised (countem/stop.hpp), as Ctrl-C does here. With the GIL.
/// @throws as desk::run()
void run_stoppable(const std::function<void()>& work);

/// What `work` returns, run by run_stoppable().
template <class Work>
auto call_stoppable(const Work& work) {
  using value = std::invoke_result_t<const Work&>;
  if constexpr (std::is_void_v<value>) {
    run_stoppable(work);
  } else {
    std::optional<value> made;
    run_stoppable([&] { made.emplace(work()); });
    return std::move(*made);
  }
}

}  // namespace countem::python
