#include "io/hdf5/handle.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

namespace countem::io {

namespace {

/// HDF5 crashes where memory runs out while it starts, which takes less than this.
void require_memory() {
  constexpr std::size_t enough = std::size_t{4} << 20U;
  void* const block = std::malloc(enough);
  if (block == nullptr) throw std::bad_alloc();
  std::free(block);
}

/// HDF5 prints its error stack unless that is turned off; the library never prints. Where HDF5 is thread-safe, each thread has
/// an error stack of its own, with a setting of its own.
void silence() {
  static const bool started = [] {
    require_memory();
    // We close what we open. HDF5's own clean-up at exit writes again what a full disk refused before, and crashes on it.
    H5dont_atexit();
    // Without memory it may come back without its file drivers.
    return H5open() >= 0 && H5Pget_driver(H5P_FILE_ACCESS_DEFAULT) >= 0;
  }();
  if (!started) throw std::bad_alloc();
  thread_local bool silent = false;
  if (!silent) silent = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
}

/// What is read off an error stack. Exceptions must not pass through the C library: no memory is asked for.
struct error_words {
  std::array<char, 512> first{};  ///< of the innermost failure
  int system_error = 0;
  bool out_of_memory = false;
};

/// The number that HDF5's file drivers write into the description of a system call that failed; but for stat(), after which
/// errno still has it.
int system_error_in(const char* description) {
  constexpr const char* before = "errno = ";
  if (const char* const at = std::strstr(description, before)) return std::atoi(at + std::strlen(before));
  return std::strstr(description, "can't retrieve stat info") == nullptr ? 0 : errno;
}

herr_t read_entry(unsigned depth, const H5E_error2_t* entry, void* to) {
  auto& words = *static_cast<error_words*>(to);
  const char* const description = entry->desc == nullptr ? "" : entry->desc;
  if (depth == 0) std::strncpy(words.first.data(), description, words.first.size() - 1);
  if (words.system_error == 0) words.system_error = system_error_in(description);
  words.out_of_memory = words.out_of_memory || entry->min_num == H5E_NOSPACE || entry->min_num == H5E_CANTALLOC;
  return 0;
}

}  // namespace

std::unique_lock<std::recursive_mutex> hdf5_lock() {
  static std::recursive_mutex mutex;
  std::unique_lock lock(mutex);
  silence();
  return lock;
}

hdf5_failure hdf5_last_failure() {
  const bool allocation_failed = errno == ENOMEM;  // not every failure for a lack of memory is reported as one
  error_words words;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, read_entry, &words);
  H5Eclear2(H5E_DEFAULT);
  const bool lacked_memory = words.out_of_memory || allocation_failed;
  hdf5_failure failure{words.first.data(), words.system_error,
                       words.system_error == ENOMEM || (words.system_error == 0 && lacked_memory)};
  if (failure.system_error != 0) failure.text = std::generic_category().message(failure.system_error);
  std::replace(failure.text.begin(), failure.text.end(), '\n', ' ');
  return failure;
}

std::string hdf5_last_error() {
  return hdf5_last_failure().text;
}

void throw_hdf5(const std::string& what, const hdf5_failure& failure) {
  if (failure.out_of_memory) {
    throw io_error(what + ": not enough memory, or a damaged file that claims too much: HDF5 reports: " + failure.text);
  }
  if (failure.system_error != 0) throw io_error(what + ": " + failure.text);
  std::string newer;
  if (failure.text.find("version") != std::string::npos) {
    newer = "; a newer HDF5 than " + std::to_string(H5_VERS_MAJOR) + "." + std::to_string(H5_VERS_MINOR) + "." +
            std::to_string(H5_VERS_RELEASE) +
            ", which reads it here, may have written it: write it for older versions (in h5py libver='v110')";
  }
  throw hdf5_refusal(what + ": HDF5 reports: " + failure.text + newer);
}

bool hdf5_answer(htri_t answer, const std::string& what) {
  if (answer >= 0) return answer > 0;
  const hdf5_failure failure = hdf5_last_failure();
  constexpr std::array leads_nowhere{0, ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG};  // 0: no system call failed
  const bool is_no = std::find(leads_nowhere.begin(), leads_nowhere.end(), failure.system_error) != leads_nowhere.end() &&
                     !failure.out_of_memory;
  if (!is_no) throw_hdf5(what, failure);
  return false;
}

hdf5_handle::hdf5_handle(hid_t id, const std::string& what) : id_(id) {
  if (id < 0) throw_hdf5(what, hdf5_last_failure());
}

void hdf5_handle::close() {
  if (id_ < 0) return;
  const auto lock = hdf5_lock();
  H5Idec_ref(std::exchange(id_, H5I_INVALID_HID));
}

void hdf5_handle::close(const std::string& what) {
  if (id_ < 0) return;
  const auto lock = hdf5_lock();
  hdf5_check(H5Idec_ref(std::exchange(id_, H5I_INVALID_HID)), what);
}

void hdf5_check(herr_t status, const std::string& what) {
  if (status < 0) throw_hdf5(what, hdf5_last_failure());
}

}  // namespace countem::io
