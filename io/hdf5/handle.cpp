#include "io/hdf5/handle.hpp"

#include <algorithm>
#include <cstdint>

#include <countem/error.hpp>

namespace countem::io {

namespace {

// HDF5 prints its error stack unless that is turned off; the library never prints.
void silence() {
  static const bool once = [] {
    // We close what we open. HDF5's own clean-up at exit writes again what a full disk refused before, and crashes on it.
    H5dont_atexit();
    return H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  }();
  (void)once;
}

herr_t keep_deepest(unsigned, const H5E_error2_t* entry, void* text) {
  *static_cast<std::string*>(text) = entry->desc == nullptr ? "" : entry->desc;
  return 0;
}

}  // namespace

std::unique_lock<std::recursive_mutex> hdf5_lock() {
  static std::recursive_mutex mutex;
  std::unique_lock lock(mutex);
  silence();
  return lock;
}

std::string hdf5_last_error() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned depth, const H5E_error2_t* entry, void* out) -> herr_t {
        return depth == 0 ? keep_deepest(depth, entry, out) : 0;
      },
      &text);
  H5Eclear2(H5E_DEFAULT);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

hdf5_handle::hdf5_handle(hid_t id, const std::string& what) : id_(id) {
  if (id < 0) throw io_error(what + ": HDF5 says: " + hdf5_last_error());
}

void hdf5_handle::close() {
  if (id_ < 0) return;
  const auto lock = hdf5_lock();
  H5Idec_ref(std::exchange(id_, H5I_INVALID_HID));
}

void hdf5_check(herr_t status, const std::string& what) {
  if (status < 0) throw io_error(what + ": HDF5 says: " + hdf5_last_error());
}

}  // namespace countem::io
