#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <countem/input_file.hpp>

namespace countem::io {

/// "PATH: WHAT: the operating system's own words (errno)" as an io_error.
[[noreturn]] void throw_errno(const std::filesystem::path& path, const std::string& what);

/// Bytes in memory that go into a file.
struct file_piece {
  const void* first = nullptr;
  std::size_t bytes = 0;
};

/// A file descriptor that closes itself. Move-only.
class file_handle {
 public:
  file_handle() = default;
  file_handle(file_handle&& other) noexcept;
  file_handle& operator=(file_handle&& other) noexcept;
  file_handle(const file_handle&) = delete;
  file_handle& operator=(const file_handle&) = delete;
  ~file_handle();

  /// A regular file; does not wait for the other end of a pipe. @throws io_error; format_error it is a pipe, a socket or a
  /// device
  [[nodiscard]] static file_handle open_read(const std::filesystem::path& path);
  /// An existing file, to be changed in place. @throws io_error
  [[nodiscard]] static file_handle open_write(const std::filesystem::path& path);
  /// Creates or truncates. @throws io_error
  [[nodiscard]] static file_handle create(const std::filesystem::path& path);

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const;
  /// The file as it was when open_read() opened it, for changed_inputs().
  [[nodiscard]] input_file opened() const { return {path_, opened_.bytes, opened_}; }

  /// Reads up to `bytes` at `offset`; fewer only at the end of the file. Safe from several threads. @throws io_error
  std::size_t read_at(std::uint64_t offset, void* to, std::size_t bytes) const;
  /// @throws io_error, also when the disk is full
  void write_at(std::uint64_t offset, const void* from, std::size_t bytes) const;
  /// Pieces of memory one behind the other, many in one call. @throws io_error, also when the disk is full
  void write_at(std::uint64_t offset, std::span<const file_piece> pieces) const;

 private:
  file_handle(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_ = -1;
  std::filesystem::path path_;
  file_state opened_;
};

/// A file that is written beside the one it will be: what was there stays whole until finish(). Without that, it is removed.
class file_replacement {
 public:
  /// Creates the file to be written, empty. @throws io_error
  explicit file_replacement(std::filesystem::path path);
  file_replacement(const file_replacement&) = delete;
  file_replacement& operator=(const file_replacement&) = delete;
  ~file_replacement();

  /// What to write; HDF5 must have closed it when finish() is called.
  [[nodiscard]] const std::filesystem::path& unfinished() const { return unfinished_; }
  /// Gives the file its name. @throws io_error
  void finish();

 private:
  std::filesystem::path path_;
  std::filesystem::path unfinished_;
};

}  // namespace countem::io
