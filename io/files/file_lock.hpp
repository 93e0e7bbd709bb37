#pragma once

#include <cstdint>
#include <filesystem>

// Which process is writing a file. The lock is the kernel's (an open file description lock): it ends with the descriptor or the
// process, however that ends, and it is none of the flock() locks that HDF5 takes, so readers that follow a file do not meet
// it.
namespace countem::io {

/// What came of asking for a lock.
enum class lock_state : std::uint8_t {
  free,         ///< nobody held it; after lock_file(): the caller does
  taken,        ///< another open file holds it
  unsupported,  ///< the file system has no such locks
};

/// Takes the lock of a file that is open for writing, until the descriptor is closed. Does not wait.
[[nodiscard]] lock_state lock_file(int descriptor) noexcept;

/// Whether a process is writing a file just now. @throws io_error when it cannot be opened
[[nodiscard]] lock_state lock_of(const std::filesystem::path& path);

}  // namespace countem::io
