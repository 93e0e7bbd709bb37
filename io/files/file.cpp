#include "io/files/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <countem/error.hpp>

#include "io/files/file_state.hpp"

namespace countem::io {

void throw_errno(const std::filesystem::path& path, const std::string& what) {
  const int code = errno;
  throw io_error(path.string() + ": " + what + ": " + std::generic_category().message(code));
}

io_error with_name(const io_error& failure, const std::filesystem::path& path) {
  const std::string text = failure.what();
  if (text.find(path.string()) != std::string::npos) return failure;
  return io_error(path.string() + ": " + text, failure.advised());
}

file_handle::file_handle(file_handle&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)), opened_(other.opened_) {}

file_handle& file_handle::operator=(file_handle&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(opened_, other.opened_);
  return *this;
}

file_handle::~file_handle() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

file_handle file_handle::open_read(const std::filesystem::path& path) {
  // Opening a pipe would wait for its other end; regular files are read the same with and without O_NONBLOCK.
  file_handle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK), path);
  struct stat facts {};
  const int failure = file.descriptor_ < 0 ? errno : 0;
  if (failure != 0 && failure != ENXIO) throw_errno(path, "cannot be opened");
  if (failure == 0 && ::fstat(file.descriptor_, &facts) != 0) throw_errno(path, "cannot be examined");
  if (S_ISDIR(facts.st_mode)) throw io_error(path.string() + ": is a directory where a file is wanted");
  if (!S_ISREG(facts.st_mode)) {  // a socket cannot even be opened
    throw format_error(path.string() + ": is a pipe, a socket or a device where a file is wanted: it is read at random places");
  }
  file.opened_ = state_of(facts);
  return file;
}

file_handle file_handle::open_write(const std::filesystem::path& path) {
  file_handle file(::open(path.c_str(), O_RDWR | O_CLOEXEC), path);
  if (file.descriptor_ < 0) throw_errno(path, "cannot be opened for writing");
  return file;
}

std::optional<file_handle> file_handle::try_open_write(const std::filesystem::path& path) {
  file_handle file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), path);
  if (file.descriptor_ >= 0) return file;
  if (errno == ENOENT) return std::nullopt;
  throw_errno(path, "cannot be opened for writing");
}

file_handle file_handle::create_new(const std::filesystem::path& path) {
  constexpr mode_t by_umask = 0666;
  file_handle file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, by_umask), path);
  if (file.descriptor_ < 0 && errno != EEXIST) throw_errno(path, "cannot be created");
  return file;
}

file_handle file_handle::open_folder(const std::filesystem::path& path) {
  file_handle file(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), path);
  if (file.descriptor_ < 0) throw_errno(path, "cannot be opened to make it durable");
  return file;
}

std::uint64_t file_handle::size() const {
  struct stat facts {};
  if (::fstat(descriptor_, &facts) != 0) throw_errno(path_, "cannot be examined");
  return static_cast<std::uint64_t>(facts.st_size);
}

std::size_t file_handle::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::pread(descriptor_, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(path_, "reading at byte " + std::to_string(offset + done) + " failed");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void file_handle::write_at(std::uint64_t offset, const void* from, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t put =
        ::pwrite(descriptor_, static_cast<const char*>(from) + done, bytes - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno(path_, "writing at byte " + std::to_string(offset + done) + " failed");
    done += static_cast<std::size_t>(put);
  }
}

void file_handle::write_at(std::uint64_t offset, std::span<const file_piece> pieces) const {
  constexpr std::size_t most_pieces = 64;
  while (!pieces.empty()) {
    std::array<iovec, most_pieces> vectors;
    const std::span<const file_piece> now = pieces.first(std::min(most_pieces, pieces.size()));
    std::transform(now.begin(), now.end(), vectors.begin(), [](const file_piece& piece) {
      return iovec{const_cast<void*>(piece.first), piece.bytes};
    });
    ssize_t put = ::pwritev(descriptor_, vectors.data(), static_cast<int>(now.size()), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno(path_, "writing at byte " + std::to_string(offset) + " failed");
    for (const file_piece& piece : now) {
      // What was not taken at once goes piece by piece.
      const std::size_t taken = std::min(piece.bytes, static_cast<std::size_t>(put));
      put -= static_cast<ssize_t>(taken);
      if (taken < piece.bytes)
        write_at(offset + taken, static_cast<const std::byte*>(piece.first) + taken, piece.bytes - taken);
      offset += piece.bytes;
    }
    pieces = pieces.subspan(now.size());
  }
}

namespace {

std::string bytes_at(const file_handle& file, std::uint64_t offset, std::uint64_t bytes) {
  std::string text(static_cast<std::size_t>(bytes), '\0');
  text.resize(file.read_at(offset, text.data(), text.size()));
  return text;
}

}  // namespace

std::string first_bytes(const std::filesystem::path& path, std::size_t most) {
  const file_handle file = file_handle::open_read(path);
  return bytes_at(file, 0, std::min<std::uint64_t>(most, file.size()));
}

std::string last_bytes(const std::filesystem::path& path, std::size_t most) {
  const file_handle file = file_handle::open_read(path);
  const std::uint64_t bytes = std::min<std::uint64_t>(most, file.size());
  return bytes_at(file, file.size() - bytes, bytes);
}

}  // namespace countem::io
