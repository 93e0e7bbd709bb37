#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <countem/error.hpp>
#include <countem/input_file.hpp>

namespace countem::io {

/// "PATH: WHAT: the operating system's own words (errno)" as an io_error.
[[noreturn]] void throw_errno(const std::filesystem::path& path, const std::string& what);

/// The same failure, with the file's name before it where the sentence does not hold it yet.
[[nodiscard]] io_error with_name(const io_error& failure, const std::filesystem::path& path);

/// Calls `read`, which reads a file that is open. Libraries do not name the file that the system refused to read: this does.
/// @throws as `read`, with every io_error as with_name() has it
template <class F>
decltype(auto) naming(const std::filesystem::path& path, F&& read) {
  try {
    return std::forward<F>(read)();
  } catch (const io_error& failure) {
    throw with_name(failure, path);
  }
}

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
  /// The same; nothing where there is no such file. A link is not followed. @throws io_error
  [[nodiscard]] static std::optional<file_handle> try_open_write(const std::filesystem::path& path);
  /// Makes a file, readable and writable by whom the umask allows; without a descriptor where the name is taken. Files that
  /// stay are made by output_file alone. @throws io_error
  [[nodiscard]] static file_handle create_new(const std::filesystem::path& path);
  /// A folder, to make renames in it durable. @throws io_error
  [[nodiscard]] static file_handle open_folder(const std::filesystem::path& path);

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// For sentences about a file that was renamed.
  void is_called(const std::filesystem::path& path) { path_ = path; }
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

/// Up to so many bytes from a file's start, or its end. @throws io_error
[[nodiscard]] std::string first_bytes(const std::filesystem::path& path, std::size_t most);
[[nodiscard]] std::string last_bytes(const std::filesystem::path& path, std::size_t most);

}  // namespace countem::io
