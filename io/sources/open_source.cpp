#include <countem/frame_source.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/sources/flat/flat_source.hpp"
#include "io/sources/sources.hpp"

namespace countem {

namespace {

namespace fs = std::filesystem;

struct format_name {
  input_format format;
  std::string_view name;
  std::vector<std::string_view> suffixes;  ///< of files that are usually of this format
};

const std::array<format_name, 9>& formats() {
  static const std::array<format_name, 9> all{{{input_format::v1, "v1", {".data"}},
                                               {input_format::v2, "v2", {".data"}},
                                               {input_format::v3, "v3", {".data"}},
                                               {input_format::v4, "v4", {".data"}},
                                               {input_format::v5, "v5", {".data"}},
                                               {input_format::raw, "raw", {".raw", ".bin"}},
                                               {input_format::npy, "npy", {".npy"}},
                                               {input_format::mrc, "mrc", {".mrc", ".mrcs"}},
                                               {input_format::hdf5, "hdf5", {".h5", ".hdf5", ".emd", ".hdf", ".nxs"}}}};
  return all;
}

const format_name& facts_of(input_format format) {
  return *std::find_if(formats().begin(), formats().end(), [&](const format_name& entry) { return entry.format == format; });
}

bool has_suffix_of(const fs::path& path, input_format format) {
  const auto& suffixes = facts_of(format).suffixes;
  return std::find(suffixes.begin(), suffixes.end(), path.extension().string()) != suffixes.end();
}

bool is_camera(input_format format) {
  return format <= input_format::v5;
}

/// The files in a directory that look like the format; without one, the camera's files if there are any, else the others'.
std::vector<fs::path> files_of_format(const fs::path& directory, const std::optional<input_format>& format) {
  std::vector<fs::path> camera;
  std::vector<fs::path> others;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end; entry.increment(failure)) {
    const fs::path& path = entry->path();
    if (!fs::is_regular_file(path)) continue;
    if (format ? has_suffix_of(path, *format) : has_suffix_of(path, input_format::v5)) {
      camera.push_back(path);
    } else if (!format && std::any_of(formats().begin(), formats().end(), [&](const format_name& entry_format) {
                 return has_suffix_of(path, entry_format.format);
               })) {
      others.push_back(path);
    }
  }
  if (failure) throw io_error(directory.string() + ": cannot be listed: " + failure.message());
  std::vector<fs::path>& found = camera.empty() ? others : camera;
  if (found.empty()) {
    throw format_error(fmt::format("{}: is a directory without {} files in it: name the files", directory.string(),
                                   format ? std::string(to_string(*format)) : "raw frame"));
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Inputs as existing, regular, non-empty files, none of them twice.
std::vector<fs::path> expand(const std::vector<fs::path>& inputs, const std::optional<input_format>& format,
                             io::issue_list& issues) {
  if (inputs.empty()) throw invalid_argument("no input file was given");
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  const auto take = [&](const fs::path& path) {
    std::error_code failure;
    if (!seen.insert(fs::canonical(path, failure)).second) {
      issues.add("file_given_twice", path, [] { return "was given more than once; it is read once"; });
      return;
    }
    if (fs::file_size(path, failure) == 0) throw format_error(path.string() + ": is empty");
    files.push_back(path);
  };
  for (const fs::path& input : inputs) {
    std::error_code failure;
    const fs::file_status status = fs::status(input, failure);
    if (!fs::exists(status))
      throw io_error(input.string() + ": cannot be opened: " + (failure ? failure.message() : "no such file"));
    if (fs::is_directory(status)) {
      for (const fs::path& path : files_of_format(input, format)) take(path);
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

/// What the first bytes say; nothing when they say nothing.
std::optional<input_format> format_by_magic(const fs::path& path) {
  std::array<char, 212> start{};
  const std::size_t got = io::file_handle::open_read(path).read_at(0, start.data(), start.size());
  const std::string_view bytes(start.data(), got);
  if (bytes.starts_with("\x93NUMPY")) return input_format::npy;
  if (bytes.starts_with("\x89HDF\r\n\x1a\n")) return input_format::hdf5;
  if (bytes.size() >= 212 && bytes.substr(208, 4) == "MAP ") return input_format::mrc;
  return std::nullopt;
}

input_format find_format(const std::vector<fs::path>& files, const source_options& options) {
  if (options.raw) return input_format::raw;
  const fs::path& first = files.front();
  if (const auto known = format_by_magic(first)) return *known;
  if (has_suffix_of(first, input_format::v5)) return io::guess_camera_version(files).value_or(input_format::v5);
  for (const format_name& entry : formats()) {
    if (entry.format != input_format::raw && has_suffix_of(first, entry.format)) return entry.format;
  }
  throw format_error(first.string() +
                     ": its format cannot be told from its name or its first bytes: name it with --input-format");
}

std::unique_ptr<frame_source> open_flat_file(const fs::path& path, input_format format, const source_options& options,
                                             io::issue_list issues) {
  io::file_handle file = io::file_handle::open_read(path);
  io::flat_layout layout;
  if (format == input_format::raw) {
    if (!options.raw) throw invalid_argument(path.string() + ": flat binary needs a description: give --shape HxW and --dtype");
    layout.shape = options.raw->shape;
    layout.type = io::stored_as(options.raw->type);
    layout.big_endian = options.raw->big_endian;
    layout.offset_bytes = options.raw->offset_bytes;
    layout.gap_bytes = options.raw->gap_bytes;
  } else {
    layout = format == input_format::npy ? io::npy_layout(file) : io::mrc_layout(file);
  }
  return io::open_flat(std::move(file), format, layout, options, std::move(issues));
}

}  // namespace

std::string_view to_string(input_format format) {
  return facts_of(format).name;
}

input_format input_format_from(std::string_view name) {
  std::string known;
  for (const format_name& entry : formats()) {
    if (entry.name == name) return entry.format;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw invalid_argument(fmt::format("input format '{}' is not known: it is one of {}", name, known));
}

std::unique_ptr<frame_source> open_source(const std::vector<fs::path>& inputs, const source_options& options) {
  if (options.scan) io::check_given_scan(*options.scan);
  io::issue_list issues;
  const std::vector<fs::path> files = expand(inputs, options.format, issues);
  const input_format format = options.format ? *options.format : find_format(files, options);
  if (!is_camera(format) && files.size() != 1) {
    throw invalid_argument(
        fmt::format("{} {} files were given, a scan of this format is one file", files.size(), to_string(format)));
  }
  switch (format) {
    case input_format::v3:
    case input_format::v4:
    case input_format::v5: return io::open_camera_records(files, format, options, std::move(issues));
    case input_format::v1:
    case input_format::v2: return io::open_camera_blocks(files, format, options, std::move(issues));
    case input_format::raw:
    case input_format::npy:
    case input_format::mrc: return open_flat_file(files.front(), format, options, std::move(issues));
    case input_format::hdf5: return io::open_hdf5(files.front(), options, std::move(issues));
  }
  throw invalid_argument("this input format is not known");
}

}  // namespace countem
