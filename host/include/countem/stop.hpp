#pragma once

#include <atomic>

#include <countem/error.hpp>

// One request for the whole program to end what it does: a user interrupts a program, not a call. count_frames(), which keeps
// what it finished, and for_batches() take a flag of their own as well.
namespace countem {

/// The request. A signal handler may raise it; a program that resumes lowers it again.
extern std::atomic<bool> stop_requested;
static_assert(std::atomic<bool>::is_always_lock_free, "signal handlers raise it");

/// Every long loop of the library that has no flag of its own calls this now and then.
/// @throws interrupted when the request was made
void check_stop();

}  // namespace countem
