#include "io/files/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <countem/error.hpp>

#include "io/files/file_lock.hpp"

namespace countem {

namespace io {
namespace {

namespace fs = std::filesystem;

/// What is under a name; nothing where there is nothing. @throws io_error when that cannot be found out
std::optional<struct stat> facts_of(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0) return facts;
  if (errno == ENOENT) return std::nullopt;
  throw_errno(path, "cannot be examined");
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// What stands for a stream elsewhere is not made as a file of that name by accident.
void refuse_stream(const fs::path& path) {
  if (path != "-") return;
  throw invalid_argument("-: outputs are files and do not go to standard output: name a file, or ./- for one of that name");
}

void require_folder(const fs::path& path) {
  refuse_stream(path);
  if (path.filename().empty()) throw io_error(path.string() + ": is no name of a file: name the file to write");
  const fs::path folder = folder_of(path);
  const std::optional<struct stat> facts = facts_of(folder);
  if (!facts || !S_ISDIR(facts->st_mode)) {
    throw io_error(path.string() + ": there is no directory " + folder.string() + ": make it, or name another output");
  }
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) throw_errno(folder, "cannot be written to");
}

void require_no_input(const fs::path& path, const struct stat& facts, const output_rules& rules) {
  for (const fs::path& input : rules.inputs) {
    const std::optional<struct stat> read = facts_of(input);
    if (read && is_same(*read, facts))
      throw invalid_argument(path.string() + ": is one of the files to be read: name another output");
  }
}

bool is_own(const fs::path& path, const output_kind& kind) {
  return naming(path, [&] { return kind.is_own(path); });
}

/// The rules allow to replace what is there.
void require_replaceable(const fs::path& path, const output_kind& kind, const output_rules& rules) {
  const std::optional<struct stat> facts = facts_of(path);
  if (!facts) return;
  if (S_ISDIR(facts->st_mode)) throw io_error(path.string() + ": is a directory: name the file to write");
  if (!S_ISREG(facts->st_mode)) {
    throw io_error(path.string() + ": is no regular file but a pipe, a socket or a device: name a file to write");
  }
  require_no_input(path, *facts, rules);
  switch (rules.existing) {
    case existing_file::replaced: return;
    case existing_file::kept:
      throw invalid_argument(path.string() + ": is there already", {{advice_kind::other_output}, {advice_kind::replace}});
    case existing_file::replaced_if_own:
      if (facts->st_size == 0 || is_own(path, kind)) return;
      throw invalid_argument(path.string() + ": is there already and is not " + std::string(kind.words) + " that is whole",
                             {{advice_kind::other_output}, {advice_kind::replace}});
  }
}

void make_durable(const file_handle& file) {
  int result = 0;
  do {
    result = ::fsync(file.descriptor());
  } while (result != 0 && errno == EINTR);
  if (result != 0) throw_errno(file.path(), "cannot be made durable");
}

/// After a rename. Some file systems keep folders durable by themselves and refuse to be asked.
void make_folder_durable(const fs::path& folder) {
  const file_handle opened = file_handle::open_folder(folder);
  if (::fsync(opened.descriptor()) != 0 && errno != EINVAL) throw_errno(folder, "cannot be made durable");
}

fs::path with_ending(fs::path path, const char* ending) {
  path += ending;
  return path;
}

[[noreturn]] void refuse_taken(const fs::path& path, const fs::path& temporary) {
  throw io_error(path.string() + ": is being written by another process (" + temporary.string() +
                 "): wait for it, or name another output");
}

}  // namespace

fs::path resolve_links(fs::path path) {
  constexpr int most_links = 40;  // as the kernel
  std::error_code unknown;
  for (int followed = 0; fs::is_symlink(fs::symlink_status(path, unknown)); ++followed) {
    if (followed == most_links) throw io_error(path.string() + ": is a link that leads in circles: name another output");
    const fs::path target = fs::read_symlink(path, unknown);
    if (unknown) throw io_error(path.string() + ": is a link that cannot be read: " + unknown.message());
    path = path.parent_path() / target;  // an absolute target replaces all
  }
  return path;
}

fs::path part_of(const fs::path& path) {
  return with_ending(resolve_links(path), ".part");
}

output_file::output_file(const fs::path& path, const output_kind& kind, output_rules rules, temporary_name name)
    : path_(resolve_links(path)),
      temporary_(with_ending(name == temporary_name::scratch ? path_ : part_of(path_), ".countem-unfinished")),
      kind_(kind),
      rules_(std::move(rules)),
      name_(name) {
  check_output(path_, kind_, rules_);
  if (name_ == temporary_name::part) require_replaceable_part();
  make_temporary();
}

output_file::output_file(output_file&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      kind_(other.kind_),
      rules_(std::move(other.rules_)),
      name_(other.name_),
      file_(std::move(other.file_)),
      keeps_(other.keeps_) {}

output_file::~output_file() {
  if (temporary_.empty() || keeps_) return;
  try {
    require_same_file();
    ::unlink(temporary_.c_str());
  } catch (const error&) {  // what is there now is somebody else's
  }
}

/// The name is taken with O_EXCL, then locked. Who finds it taken may lock what is there: then nobody writes it any more. Its
/// maker notices by its own attempt to lock it, so of any number of processes one continues.
void output_file::make_temporary() {
  constexpr int most_attempts = 100;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    file_ = file_handle::create_new(temporary_);
    if (file_.descriptor() >= 0) {
      if (lock_file(file_.descriptor()) == lock_state::taken) {
        temporary_.clear();
        refuse_taken(path_, file_.path());
      }
      if (is_same_file()) return;
      file_ = {};  // another process took it for a leftover before it was locked
      continue;
    }
    const fs::path leftover_name = std::exchange(temporary_, {});  // not ours to remove
    const std::optional<file_handle> leftover = file_handle::try_open_write(leftover_name);
    if (!leftover) {  // renamed or removed in between
      temporary_ = leftover_name;
      continue;
    }
    struct stat facts {};
    if (::fstat(leftover->descriptor(), &facts) != 0) throw_errno(leftover_name, "cannot be examined");
    require_no_input(leftover_name, facts, rules_);
    const lock_state lock = lock_file(leftover->descriptor());
    if (lock == lock_state::taken) refuse_taken(path_, leftover_name);
    if (lock == lock_state::unsupported && rules_.existing != existing_file::replaced) {
      throw io_error(leftover_name.string() +
                         ": another process may be writing it, and this file system cannot say whether one does: remove it "
                         "when none does",
                     {{advice_kind::replace}});
    }
    const std::optional<struct stat> now = facts_of(leftover_name);
    if (now && is_same(*now, facts) && ::unlink(leftover_name.c_str()) != 0 && errno != ENOENT)
      throw_errno(leftover_name, "cannot be removed");
    temporary_ = leftover_name;
  }
  refuse_taken(path_, std::exchange(temporary_, {}));
}

/// PATH.part is absent, or may go and is written by nobody.
void output_file::require_replaceable_part() const {
  const fs::path part = part_of(path_);
  const std::optional<file_handle> earlier = file_handle::try_open_write(part);
  if (!earlier) return;
  struct stat facts {};
  if (::fstat(earlier->descriptor(), &facts) != 0) throw_errno(part, "cannot be examined");
  require_no_input(part, facts, rules_);
  if (lock_file(earlier->descriptor()) == lock_state::taken) refuse_taken(path_, part);
  if (rules_.existing != existing_file::replaced) {
    throw invalid_argument(part.string() + ": holds the frames of an earlier count that did not finish",
                           {{advice_kind::resume_counting}, {advice_kind::recover_frames}, {advice_kind::replace}});
  }
}

bool output_file::is_same_file() const {
  struct stat ours {};
  if (::fstat(file_.descriptor(), &ours) != 0) throw_errno(temporary_, "cannot be examined");
  struct stat now {};
  return ::lstat(temporary_.c_str(), &now) == 0 && is_same(ours, now);
}

void output_file::require_same_file() const {
  if (!is_same_file()) {
    throw io_error(temporary_.string() + ": was removed or replaced by another process while it was written");
  }
}

/// Mode and group of the file that is replaced. A group that this user cannot give gets no more than others have.
void output_file::take_attributes(const struct stat& replaced) const {
  mode_t mode = replaced.st_mode & 07777U;
  if (::geteuid() == 0) {
    if (::fchown(file_.descriptor(), replaced.st_uid, replaced.st_gid) != 0) return;
  } else if (::fchown(file_.descriptor(), static_cast<uid_t>(-1), replaced.st_gid) != 0) {
    mode &= ~static_cast<mode_t>(S_IRWXG) | ((mode & S_IRWXO) << 3U);
  }
  static_cast<void>(::fchmod(file_.descriptor(), mode));
}

void output_file::rename_to(const fs::path& name, bool may_replace) const {
  require_same_file();
  if (!may_replace) {
    if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0) return;
    if (errno == EEXIST) throw io_error(name.string() + ": was made by another process meanwhile: name another output");
    if (errno != EINVAL && errno != ENOSYS) throw_errno(temporary_, "cannot be renamed to " + name.string());
  }
  if (::rename(temporary_.c_str(), name.c_str()) != 0) throw_errno(temporary_, "cannot be renamed to " + name.string());
}

void output_file::finish() {
  if (rules_.durable) make_durable(file_);
  require_replaceable(path_, kind_, rules_);
  const std::optional<struct stat> replaced = facts_of(path_);
  if (replaced) take_attributes(*replaced);
  rename_to(path_, replaced.has_value());
  temporary_.clear();
  if (rules_.durable) make_folder_durable(folder_of(path_));
}

void output_file::become_part() {
  make_durable(file_);
  if (name_ == temporary_name::part) require_replaceable_part();
  const fs::path part = part_of(path_);
  rename_to(part, name_ == temporary_name::next_part || rules_.existing == existing_file::replaced);
  temporary_ = part;
  file_.is_called(part);
  keeps_ = true;
  make_folder_durable(folder_of(path_));
}

void make_folder(const fs::path& wanted) {
  refuse_stream(wanted);
  std::vector<fs::path> absent;
  for (fs::path folder = wanted; !folder.empty() && !fs::is_directory(folder); folder = folder.parent_path()) {
    absent.push_back(folder);
    if (folder == folder.parent_path()) break;
  }
  for (auto folder = absent.rbegin(); folder != absent.rend(); ++folder) {
    if (::mkdir(folder->c_str(), 0777) != 0 && !fs::is_directory(*folder))  // another process, or a name that ends in a slash
      throw_errno(wanted, "the folder cannot be made (" + folder->string() + ")");
    make_folder_durable(folder_of(*folder));
  }
}

std::vector<fs::path> finish_all(std::vector<output_file>& files) {
  std::vector<fs::path> names;
  for (output_file& file : files) {
    file.finish();
    names.push_back(file.path());
  }
  return names;
}

}  // namespace io

void check_output(const std::filesystem::path& path, const output_kind& kind, const output_rules& rules) {
  const std::filesystem::path resolved = io::resolve_links(path);
  io::require_folder(resolved);
  io::require_replaceable(resolved, kind, rules);
}

}  // namespace countem
