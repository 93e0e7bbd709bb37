#include "io/sources/input_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <functional>
#include <set>
#include <string_view>
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

/// A file in a folder, and the formats whose suffix it has.
struct candidate {
  fs::path path;
  std::vector<const source_format*> formats;
};

/// Of the system or of an editor: "._scan.mib" of macOS, ".scan.npy.swp".
bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

std::vector<candidate> candidates_in(const fs::path& directory, const source_format* wanted) {
  std::vector<candidate> found;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end; entry.increment(failure)) {
    candidate one{entry->path(), {}};
    if (is_hidden(one.path) || !fs::is_regular_file(one.path)) continue;
    for (const source_format* format : source_formats()) {
      if ((wanted == nullptr || wanted == format) && has_suffix_of(one.path, *format)) one.formats.push_back(format);
    }
    if (!one.formats.empty()) found.push_back(std::move(one));
  }
  if (failure) throw io_error(directory.string() + ": cannot be listed: " + failure.message());
  std::sort(found.begin(), found.end(), [](const candidate& a, const candidate& b) { return a.path < b.path; });
  return found;
}

bool is_made_by_countem(const candidate& file) {
  return std::any_of(file.formats.begin(), file.formats.end(),
                     [&](const source_format* format) { return format->is_result != nullptr && format->is_result(file.path); });
}

/// "dark_0001.data", "Dark.npy"; not "darkfield.mib", which is a scan.
bool is_named_as_dark(const candidate& file) {
  std::string name = file.path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  constexpr std::size_t word = 4;
  if (!name.starts_with("dark")) return false;
  const std::size_t next = name.find_first_not_of("_- ", word);
  return next == std::string::npos || !std::string_view(name).substr(next).starts_with("field");
}

/// Takes the files for which `is_other` holds away from the others; none where there are no others.
template <class IsOther>
std::vector<candidate> take_away(std::vector<candidate>& files, const IsOther& is_other) {
  if (files.size() < 2) return {};
  const auto others = std::stable_partition(files.begin(), files.end(), [&](const candidate& one) { return !is_other(one); });
  if (others == files.begin()) return {};
  std::vector<candidate> taken(others, files.end());
  files.erase(others, files.end());
  return taken;
}

/// "a, b, c, d and 3 more (why)"; empty for no files.
std::string names_of(const std::vector<candidate>& files, std::string_view why) {
  if (files.empty()) return {};
  constexpr std::size_t most = 4;
  std::string names;
  for (std::size_t at = 0; at < std::min(files.size(), most); ++at)
    names += (at == 0 ? "" : ", ") + files[at].path.filename().string();
  if (files.size() > most) names += fmt::format(" and {} more", files.size() - most);
  return fmt::format("{} ({})", names, why);
}

/// Of the files in a folder those of one format: named, else the first of which a scan is several files that describe
/// themselves and of which there are any, else all that any format may be. Without what countem made of frames, and without
/// darks, or without what is named otherwise where darks are wanted.
std::vector<fs::path> files_in(const fs::path& directory, const source_format* format, bool darks, issue_list& issues) {
  std::vector<candidate> files = candidates_in(directory, format);
  std::vector<candidate> made = take_away(files, is_made_by_countem);
  const std::vector<candidate> apart =
      take_away(files, [darks](const candidate& one) { return is_named_as_dark(one) != darks; });

  const auto is_of = [](const source_format* wanted) {
    return [wanted](const candidate& one) { return std::count(one.formats.begin(), one.formats.end(), wanted) != 0; };
  };
  for (const source_format* several : source_formats()) {
    if (format != nullptr || !several->facts.several_files || several->facts.needs_layout) continue;
    if (std::none_of(files.begin(), files.end(), is_of(several))) continue;
    std::erase_if(files, std::not_fn(is_of(several)));
    std::erase_if(made, std::not_fn(is_of(several)));
    break;
  }
  if (files.empty()) {
    throw format_error(
        fmt::format("{}: is a directory without {} files in it (those whose names begin with a dot do not count): "
                    "name the files",
                    directory.string(), format != nullptr ? to_string(format->facts.format) : "raw frame"));
  }
  std::string left = names_of(apart, darks ? "not named as darks" : "darks by their names");
  if (!left.empty() && !made.empty()) left += ", ";
  left += names_of(made, "made by countem");
  if (!left.empty()) issues.add("files_left_out", directory, [&] { return "files of this folder are left out: " + left; });
  std::vector<fs::path> paths;
  for (candidate& one : files) paths.push_back(std::move(one.path));
  return paths;
}

}  // namespace

bool has_suffix_of(const fs::path& path, const source_format& format) {
  const auto& suffixes = format.facts.suffixes;
  return std::find(suffixes.begin(), suffixes.end(), path.extension().string()) != suffixes.end();
}

std::vector<fs::path> find_input_files(const std::vector<fs::path>& inputs, const source_format* format, bool darks,
                                       issue_list& issues) {
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
      for (const fs::path& path : files_in(input, format, darks, issues)) take(path);
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
