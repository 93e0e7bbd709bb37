#include "host/cli/lack_of_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>

#include "host/cli/context.hpp"
#include "host/cli/exit_codes.hpp"
#include "host/cli/failure.hpp"
#include "io/store/hdf5_library.hpp"

namespace countem::cli {

namespace {

int users_stderr = STDERR_FILENO;
bool has_ended = false;

[[noreturn]] void end_without_memory() noexcept {
  static_cast<void>(::write(users_stderr, out_of_memory.data(), out_of_memory.size()));
  ::_exit(io_failure);
}

constexpr std::array crashes{SIGSEGV, SIGBUS, SIGABRT};
std::array<struct sigaction, crashes.size()> handled_before;

/// HDF5 1.10 uses what it could not allocate, in some places; errno still has the number of the failed allocation. Other
/// crashes are bugs, and left to whom they were left before: the access, or the signal, is repeated.
void on_crash(int signal) {
  if (errno == ENOMEM) end_without_memory();
  for (std::size_t i = 0; i < crashes.size(); ++i) {
    if (crashes[i] == signal) ::sigaction(signal, &handled_before[i], nullptr);
  }
}

/// The handler has a stack of its own: HDF5 may have filled the other by reporting that it cannot report.
void handle_crashes() {
  static std::array<char, 16384> stack;
  const stack_t own{stack.data(), 0, stack.size()};
  ::sigaltstack(&own, nullptr);
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK;
  for (std::size_t i = 0; i < crashes.size(); ++i) ::sigaction(crashes[i], &action, &handled_before[i]);
}

/// HDF5 calls exit() where it lacks memory for its own bookkeeping.
void check_ended() {
  if (!has_ended) end_without_memory();
}

/// As long as it lives, what is printed on stderr is lost. Where there is no descriptor for it, nothing is.
class silent_stderr {
 public:
  silent_stderr() : kept_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) {
    const int nowhere = kept_ < 0 ? -1 : ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) return;
    users_stderr = kept_;
    ::dup2(nowhere, STDERR_FILENO);
    ::close(nowhere);
  }
  silent_stderr(const silent_stderr&) = delete;
  silent_stderr& operator=(const silent_stderr&) = delete;
  ~silent_stderr() {
    if (kept_ < 0) return;
    ::dup2(kept_, STDERR_FILENO);
    users_stderr = STDERR_FILENO;
    ::close(kept_);
  }

 private:
  int kept_;
};

/// Also for objects that are made before main(), which is why it has a priority.
[[gnu::constructor(101)]] void handle_exceptions_that_nobody_catches() {
  std::set_terminate([] {
    try {
      if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      end_without_memory();
    } catch (...) {  // as without an exception
    }
    // What leaves a noexcept function is not handed on; nothing but a lack of memory leaves ours.
    if (std::uncaught_exceptions() > 0) end_without_memory();
    context::to_stderr("countem: internal error: an exception was thrown where none may be. Please report it.\n");
    ::_exit(surprise);
  });
}

}  // namespace

void prepare_for_lack_of_memory() {
  std::atexit(check_ended);
  handle_crashes();
  const silent_stderr silence;
  io::start_hdf5();
}

void command_has_ended() noexcept {
  has_ended = true;
}

}  // namespace countem::cli
