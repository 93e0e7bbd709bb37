#include "io/store/hdf5_library.hpp"

#include "io/hdf5/handle.hpp"

namespace countem::io {

void start_hdf5() {
  static_cast<void>(hdf5_lock());
}

std::string hdf5_version() {
  const auto lock = hdf5_lock();
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  if (H5get_libversion(&major, &minor, &release) < 0) return "unknown";
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

}  // namespace countem::io
