#include "io/hdf5/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include <countem/notices.hpp>

#include "io/files/file.hpp"

namespace countem::io {

namespace {

// Versions that can do without a lock when asked.
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
#define COUNTEM_HDF5_WITHOUT_LOCKS 1
#else
#define COUNTEM_HDF5_WITHOUT_LOCKS 0
#endif
constexpr bool can_open_without_lock = COUNTEM_HDF5_WITHOUT_LOCKS != 0;

/// Metadata of a growing file may be read while it is being written, and is then read again. HDF5 sleeps twice as long before
/// each attempt, from 1 ns on: 20 attempts take 1 ms, its own 100 attempts at a damaged file would not end.
constexpr unsigned attempts_while_growing = 20;

/// What flock() reports where a file system has no locks; 524 is the kernel's own ENOTSUPP, which some network file systems
/// let through.
bool means_no_locks(int system_error) {
  constexpr std::array numbers{ENOSYS, ENOLCK, EOPNOTSUPP, 524};
  return std::find(numbers.begin(), numbers.end(), system_error) != numbers.end();
}

bool means_locked(int system_error) {
  return system_error == EAGAIN || system_error == EWOULDBLOCK || system_error == EACCES;
}

/// Opens with HDF5's lock, and once more without where the file system lacks locks. `failure`
/// describes the last attempt.
hid_t open_with_lock_if_any(const std::string& name, unsigned flags, hid_t access, hdf5_failure& failure) {
  const hid_t file = H5Fopen(name.c_str(), flags, access);
  if (file >= 0) return file;
  failure = hdf5_last_failure();
  if (!can_open_without_lock || !means_no_locks(failure.system_error)) return file;
  switch_locking_off(access);
  const hid_t unlocked = H5Fopen(name.c_str(), flags, access);
  if (unlocked < 0) {
    failure = hdf5_last_failure();
    // The environment overrides what a program asks for.
    if (means_no_locks(failure.system_error))
      failure.text += " (the file system has no locks: set HDF5_USE_FILE_LOCKING=FALSE in the environment)";
    return unlocked;
  }
  notify_once("there are no file locks where " + name +
              " is: it is read without one, and a program that writes it meanwhile is not noticed");
  return unlocked;
}

/// Whether the superblock (version 2 or 3) marks the file as open for writing, which its writer takes back when it closes it.
bool is_marked_open(const std::string& name) {
  std::array<std::uint8_t, 12> start{};
  const file_handle file = file_handle::open_read(name);
  if (file.read_at(0, start.data(), start.size()) != start.size()) return false;
  const bool has_mark = start[8] == 2 || start[8] == 3;
  return has_mark && (start[11] & 1U) != 0;
}

/// Where HDF5 reports that a file is shorter than it states.
std::string words_of_cut_file(const hdf5_failure& failure) {
  unsigned long long there = 0;
  unsigned long long base = 0;
  unsigned long long stated = 0;
  constexpr const char* report = "truncated file: eof = %llu, sblock->base_addr = %llu, stored_eof = %llu";
  if (std::sscanf(failure.text.c_str(), report, &there, &base, &stated) != 3) return {};
  return "was cut, or is not written to its end: " + std::to_string(there) + " of the " + std::to_string(base + stated) +
         " bytes are there that it states as its length";
}

}  // namespace

hdf5_handle open_hdf5(const std::filesystem::path& path, hdf5_reading reading) {
  // The operating system's words about missing files and permissions are clearer than HDF5's.
  static_cast<void>(file_handle::open_read(path));
  const std::string name = path.string();
  const hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), name);
  unsigned flags = H5F_ACC_RDONLY;
  if (reading == hdf5_reading::growing) {
    flags |= H5F_ACC_SWMR_READ;
    hdf5_check(H5Pset_metadata_read_attempts(access, attempts_while_growing), name);
  }
  hdf5_failure failure;
  const hid_t file = open_with_lock_if_any(name, flags, access, failure);
  if (file >= 0) return {file, name};
  if (means_locked(failure.system_error)) {
    throw io_error(name + ": another program has this file open for writing: wait until it has closed it");
  }
  if (failure.system_error == 0 && !failure.out_of_memory) {
    if (!is_hdf5(path)) throw not_hdf5(name + ": is not an HDF5 file");
    if (is_marked_open(name)) {
      throw unclosed_hdf5(name +
                          ": was not closed by the program that writes it: wait until it has; if it ended early, only a copy "
                          "that it closed can be trusted");
    }
  }
  if (const std::string cut = words_of_cut_file(failure); !cut.empty()) throw hdf5_refusal(name + ": " + cut);
  throw_hdf5(name + ": cannot be opened as HDF5: it is damaged, or was not written to its end", failure);
}

bool is_hdf5(const std::filesystem::path& path) {
  const htri_t answer = H5Fis_hdf5(path.c_str());
  if (answer < 0) throw_hdf5(path.string() + ": cannot be read", hdf5_last_failure());
  return answer > 0;
}

void switch_locking_off([[maybe_unused]] hid_t access) {
#if COUNTEM_HDF5_WITHOUT_LOCKS
  hdf5_check(H5Pset_file_locking(access, false, true), "HDF5 file access");
#endif
}

}  // namespace countem::io
