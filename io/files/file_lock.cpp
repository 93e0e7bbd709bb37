#include "io/files/file_lock.hpp"

#include <fcntl.h>

#include <cerrno>

#include "io/files/file.hpp"

namespace countem::io {

namespace {

struct flock whole_file() {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

}  // namespace

lock_state lock_file(int descriptor) noexcept {
  struct flock range = whole_file();
  int result = 0;
  do {
    result = ::fcntl(descriptor, F_OFD_SETLK, &range);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return lock_state::free;
  return errno == EAGAIN || errno == EACCES ? lock_state::taken : lock_state::unsupported;
}

lock_state lock_of(const std::filesystem::path& path) {
  const file_handle file = file_handle::open_read(path);
  struct flock range = whole_file();
  if (::fcntl(file.descriptor(), F_OFD_GETLK, &range) != 0) return lock_state::unsupported;
  return range.l_type == F_UNLCK ? lock_state::free : lock_state::taken;
}

}  // namespace countem::io
