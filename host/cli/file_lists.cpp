#include "host/cli/file_lists.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>

#include <countem/error.hpp>

namespace countem::cli {

namespace {

constexpr std::size_t most_bytes = std::size_t{64} << 20;
constexpr std::size_t most_paths = 1'000'000;

std::string read_all(std::FILE* list, const std::string& name) {
  std::string text;
  char block[1 << 16];
  while (const std::size_t count = std::fread(block, 1, sizeof block, list)) {
    text.append(block, count);
    if (text.size() > most_bytes)
      throw format_error(name + ": longer than 64 MiB: a list of files holds one path per line; is this one of the files?");
  }
  if (std::ferror(list) != 0) throw io_error(name + ": cannot be read: " + std::generic_category().message(errno));
  return text;
}

std::string read_list(const std::string& name) {
  if (name == "-") return read_all(stdin, "standard input");
  const std::string path = name.substr(1);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> list(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!list) {
    throw io_error(fmt::format("{}: the list of files cannot be opened: {} (a file whose name begins with @ is given as ./{})",
                               path, std::generic_category().message(errno), name));
  }
  return read_all(list.get(), path);
}

void add_paths(const std::string& name, std::vector<std::filesystem::path>& paths) {
  const std::string text = read_list(name);
  const std::string shown = name == "-" ? "standard input" : name.substr(1);
  const bool lines = text.find('\0') == std::string::npos;
  const std::size_t before = paths.size();
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(lines ? '\n' : '\0'), rest.size());
    std::string_view path = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (lines && path.ends_with('\r')) path.remove_suffix(1);
    if (path.empty()) continue;
    if (path.size() >= PATH_MAX) {
      throw format_error(fmt::format("{}: path {} has {} bytes, the system takes {}: a list of files holds one path per line",
                                     shown, paths.size() - before + 1, path.size(), PATH_MAX - 1));
    }
    if (paths.size() - before == most_paths) throw format_error(shown + ": lists more than 1,000,000 files");
    paths.emplace_back(path);
  }
  if (paths.size() == before) throw format_error(shown + ": holds no path: a list of files holds one path per line");
}

}  // namespace

std::vector<std::filesystem::path> expand_file_lists(const std::vector<std::string>& given) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& word : given) {
    if (word == "-" || (word.size() > 1 && word.front() == '@')) {
      add_paths(word, paths);
    } else {
      paths.emplace_back(word);
    }
  }
  return paths;
}

std::uint64_t bytes_of(const std::vector<std::filesystem::path>& files) {
  std::uint64_t bytes = 0;
  for (const std::filesystem::path& file : files) {
    std::error_code failure;
    const std::uintmax_t size = std::filesystem::file_size(file, failure);
    if (failure && failure != std::errc::no_such_file_or_directory)
      throw std::filesystem::filesystem_error("its size cannot be found", file, failure);
    bytes += failure ? 0 : size;
  }
  return bytes;
}

}  // namespace countem::cli
