#pragma once

#include <countem/communicator.hpp>

// What the module for MPI exports, and the program looks up.

/// One of both.
struct communicator_or_words {
  countem::communicator* communicator = nullptr;  ///< to be deleted by the caller
  char words[512] = {};                           ///< why there is none
};

extern "C" {
/// Joins the ranks that the launcher started: all of them call it. Once in a process.
[[gnu::visibility("default")]] void countem_join_ranks(const char* program_version, communicator_or_words* made) noexcept;
}
