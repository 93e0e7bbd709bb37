#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <utility>

#include <countem/error.hpp>
#include <countem/large_output.hpp>

#include "io/files/output_file.hpp"

namespace countem {

namespace {

std::mutex watching;
large_output_observer watcher;

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// File systems that compress what they hold: what is larger than what they have free may fit.
bool compresses(const std::filesystem::path& folder) {
  constexpr std::array<std::uint32_t, 3> kinds{0x9123683e, 0x2fc12fc1, 0xca451a4e};  // btrfs, ZFS, bcachefs
  struct statfs facts {};
  if (::statfs(folder.c_str(), &facts) != 0) return false;
  for (const std::uint32_t kind : kinds)
    if (static_cast<std::uint32_t>(facts.f_type) == kind) return true;
  return false;
}

std::string in_words(std::uint64_t bytes) {
  constexpr double unit = 1024;
  constexpr std::array names{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t at = 0;
  for (; value >= unit && at + 1 < names.size(); ++at) value /= unit;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), at == 0 ? "%.0f %s" : "%.1f %s", value, names.at(at));
  return text.data();
}

}  // namespace

void watch_large_outputs(large_output_observer observer) {
  const std::lock_guard held(watching);
  watcher = std::move(observer);
}

std::optional<std::uint64_t> free_bytes(const std::filesystem::path& path) {
  struct statvfs facts {};
  int result = 0;
  do {
    result = ::statvfs(folder_of(io::resolve_links(path)).c_str(), &facts);
  } while (result != 0 && errno == EINTR);
  if (result != 0 || facts.f_blocks == 0) return std::nullopt;  // no blocks: one that does not count them
  const std::uint64_t blocks = ::geteuid() == 0 ? facts.f_bfree : facts.f_bavail;
  return blocks * (facts.f_frsize != 0 ? facts.f_frsize : facts.f_bsize);
}

std::string size_words(const large_output& output) {
  std::string words =
      output.path.string() + ": " + output.what + (output.known == size_is::exact ? ", " : ", about ") + in_words(output.bytes);
  if (output.free_bytes && *output.free_bytes < output.bytes)
    words += ", and " + in_words(*output.free_bytes) + " are free in " + folder_of(output.path).string();
  return words;
}

void expect_output(const std::filesystem::path& path, std::string what, std::uint64_t bytes, size_is known) {
  large_output expected{path, std::move(what), bytes, known, free_bytes(path)};
  const bool is_too_large = expected.free_bytes && *expected.free_bytes < bytes;
  if (is_too_large && known == size_is::exact && !compresses(folder_of(path))) {
    throw io_error(size_words(expected) + ": nothing was written; make room there, or name an output on another file system");
  }
  if (bytes < large_output_bytes && !is_too_large) return;
  const std::lock_guard held(watching);
  if (watcher) watcher(expected);
}

}  // namespace countem
