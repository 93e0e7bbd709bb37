#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include <countem/output.hpp>

#include "io/files/file.hpp"

// The one way in which files are made. Nothing is written under a final name: an output is a temporary file beside it, made
// with O_EXCL and locked, until finish() gives it its name.
namespace countem::io {

/// The name under which an output is written.
enum class temporary_name : std::uint8_t {
  scratch,    ///< PATH.countem-unfinished: worth nothing once its process has ended, then replaced by the next
  part,       ///< PATH.part once become_part() was called: a store whose frames can be saved. Until then a scratch file, so
              ///< that PATH.part is never without its description. Replaces a PATH.part with existing_file::replaced alone
  next_part,  ///< the same for one who has read and locked the PATH.part that it replaces
};

/// PATH where its links lead, which need not exist. @throws io_error where links lead in circles
[[nodiscard]] std::filesystem::path resolve_links(std::filesystem::path path);

/// PATH.part, PATH's links resolved. @throws io_error where links lead in circles
[[nodiscard]] std::filesystem::path part_of(const std::filesystem::path& path);

/// A file being written. Move-only; belongs to one thread, its descriptor may be used by several.
class output_file {
 public:
  /// Checks as check_output() and makes the temporary file, empty. Links are followed: what they lead to is made or replaced.
  /// @throws as check_output(); io_error when another process writes it, or cannot be excluded to
  output_file(const std::filesystem::path& path, const output_kind& kind, output_rules rules,
              temporary_name name = temporary_name::scratch);
  output_file(output_file&& other) noexcept;
  output_file& operator=(output_file&&) = delete;
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;
  /// Removes the temporary file, unless finish() or become_part() was called.
  ~output_file();

  /// The final name, links resolved.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The name while it is written.
  [[nodiscard]] const std::filesystem::path& temporary() const { return temporary_; }
  /// The file, open for reading and writing from the start to finish().
  [[nodiscard]] const file_handle& file() const { return file_; }

  /// The temporary name still leads to the file that was made here. @throws io_error
  void require_same_file() const;
  /// Makes the content durable and gives the file its name, mode, and where it replaces one, that one's mode and group.
  /// @throws io_error, invalid_argument: then what was there before is there still
  void finish();
  /// Makes a file that is to be PATH.part durable and gives it that name. It stays open, and stays when the object goes.
  /// @throws io_error, invalid_argument: then a PATH.part that was there before is there still
  void become_part();
  /// Ends writing without finish(): others may take over a file that is kept.
  void release() { file_ = {}; }

 private:
  void make_temporary();
  void require_replaceable_part() const;
  [[nodiscard]] bool is_same_file() const;
  void take_attributes(const struct stat& replaced) const;
  void rename_to(const std::filesystem::path& name, bool may_replace) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  output_kind kind_;
  output_rules rules_;
  temporary_name name_;
  file_handle file_;
  bool keeps_ = false;
};

/// Makes a folder where it is absent, and the folders above it, so that they stay. @throws io_error
void make_folder(const std::filesystem::path& folder);

/// Gives files their names, one after another; returns the names. @throws as output_file::finish()
std::vector<std::filesystem::path> finish_all(std::vector<output_file>& files);

}  // namespace countem::io
