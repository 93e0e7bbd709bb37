#include "io/sources/input_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include <countem/error.hpp>

#include "io/files/file.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// What makes two paths one file: links of both kinds, "." and ".." lead to the same device and inode.
using file_identity = std::pair<dev_t, ino_t>;

file_identity identity_of(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) throw_errno(path, "cannot be opened");
  return {facts.st_dev, facts.st_ino};
}

/// Of the files in a folder those of one format: named, else the first of which a scan is several files that describe
/// themselves and of which there are any, else all that any format may be.
std::vector<fs::path> files_in(const fs::path& directory, const source_format* format) {
  const auto all = source_formats();
  std::vector<std::vector<fs::path>> of_formats(all.size());
  std::vector<fs::path> others;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end; entry.increment(failure)) {
    const fs::path& path = entry->path();
    if (!fs::is_regular_file(path)) continue;
    bool of_any = false;
    for (std::size_t number = 0; number < all.size(); ++number) {
      const source_format& candidate = *all[number];
      if ((format != nullptr && format != &candidate) || !has_suffix_of(path, candidate)) continue;
      of_any = true;
      if (format != nullptr || (candidate.facts.several_files && !candidate.facts.needs_layout))
        of_formats[number].push_back(path);
    }
    if (of_any) others.push_back(path);
  }
  if (failure) throw io_error(directory.string() + ": cannot be listed: " + failure.message());
  const auto any = std::find_if(of_formats.begin(), of_formats.end(), [](const auto& files) { return !files.empty(); });
  std::vector<fs::path>& found = any == of_formats.end() ? others : *any;
  if (found.empty()) {
    throw format_error(fmt::format("{}: is a directory without {} files in it: name the files", directory.string(),
                                   format != nullptr ? to_string(format->facts.format) : "raw frame"));
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

bool has_suffix_of(const fs::path& path, const source_format& format) {
  const auto& suffixes = format.facts.suffixes;
  return std::find(suffixes.begin(), suffixes.end(), path.extension().string()) != suffixes.end();
}

std::vector<fs::path> find_input_files(const std::vector<fs::path>& inputs, const source_format* format, issue_list& issues) {
  if (inputs.empty()) throw invalid_argument("no input file was given");
  std::vector<fs::path> files;
  std::set<file_identity> seen;
  const auto take = [&](const fs::path& path) {
    if (!seen.insert(identity_of(path)).second) {
      issues.add("file_given_twice", path, [] { return "was given more than once; it is read once"; });
      return;
    }
    std::error_code failure;
    if (fs::file_size(path, failure) == 0) throw format_error(path.string() + ": is empty");
    files.push_back(path);
  };
  for (const fs::path& input : inputs) {
    std::error_code failure;
    const fs::file_status status = fs::status(input, failure);
    if (!fs::exists(status))
      throw io_error(input.string() + ": cannot be opened: " + (failure ? failure.message() : "no such file"));
    if (fs::is_directory(status)) {
      for (const fs::path& path : files_in(input, format)) take(path);
    } else if (fs::is_regular_file(status)) {
      take(input);
    } else {
      throw format_error(
          input.string() +
          ": is neither a file nor a directory: frames are read at random places, which a pipe or a device does not allow");
    }
  }
  return files;
}

}  // namespace countem::io
