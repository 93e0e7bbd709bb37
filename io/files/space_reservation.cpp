#include "io/files/space_reservation.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

#include "io/files/file.hpp"

namespace countem::io {

namespace {

constexpr std::uint64_t step_bytes = std::uint64_t{32} << 20U;

/// errno, or 0.
int keep_space(int descriptor, std::uint64_t from, std::uint64_t bytes) {
  int result = 0;
  do {
    result = ::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from), static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

}  // namespace

void space_reservation::reserve(std::uint64_t bytes) {
  if (!supported_ || bytes <= reserved_) return;
  std::uint64_t wanted = bytes + step_bytes;
  int code = keep_space(descriptor_, reserved_, wanted - reserved_);
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    wanted = bytes;  // the last step may be too long where the need itself fits
    code = keep_space(descriptor_, reserved_, wanted - reserved_);
  }
  if (code == 0) {
    reserved_ = wanted;
  } else if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    errno = code;
    throw_errno(path_, "no room for " + std::to_string(bytes - reserved_) + " more bytes");
  } else {
    supported_ = false;  // EOPNOTSUPP and its like: the file system writes without promise
  }
}

void space_reservation::release(const std::filesystem::path& path) {
  if (reserved_ == 0) return;
  // Cutting a file to the size it has frees the blocks kept behind its end. Failing costs space, not data.
  std::error_code ignored;
  const std::uintmax_t bytes = std::filesystem::file_size(path, ignored);
  if (!ignored) std::filesystem::resize_file(path, bytes, ignored);
  reserved_ = 0;
}

}  // namespace countem::io
