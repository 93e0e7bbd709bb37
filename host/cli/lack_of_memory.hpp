#pragma once

// A lack of memory ends the command with one sentence and the exit code for what the system refuses, wherever it shows: not all
// code below us reports it by an exception.
namespace countem::cli {

/// From here on a crash after an allocation that failed, and a call of exit() before command_has_ended(), end so. Starts HDF5,
/// which prints on stderr itself where it lacks memory for that; to be called before there are other threads.
/// @throws std::bad_alloc
void prepare_for_lack_of_memory();

/// main() is about to return.
void command_has_ended() noexcept;

}  // namespace countem::cli
