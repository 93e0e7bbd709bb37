#include "io/sources/camera/header_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/output.hpp"
#include "io/hdf5/storage.hpp"

// /record_headers, with the version of this layout and the format of the records, and in it a group for each raw file, in the
// order of their names: its name, size, and headers as they are in it, 16 bytes per record.
namespace countem::io {

namespace {

constexpr const char* group_name = "record_headers";
constexpr std::uint32_t layout_version = 1;
constexpr std::uint64_t compared_headers = 256;  // of each file

std::string path_of(std::size_t file) {
  return fmt::format("/{}/{:05}", group_name, file);
}

bool is_header_file(const std::filesystem::path& path) try {
  const auto lock = hdf5_lock();
  return has_path(open_hdf5(path), group_name);
} catch (const format_error&) {
  return false;
}

constexpr output_kind header_file_output{"a file of record headers", is_header_file};

std::vector<std::uint8_t> bytes_of(const std::vector<camera_header>& headers) {
  std::vector<std::uint8_t> bytes(headers.size() * camera_header_bytes);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const camera_header_image image = encode(headers[i]);
    std::memcpy(bytes.data() + i * camera_header_bytes, image.data(), image.size());
  }
  return bytes;
}

std::vector<camera_header> headers_from(const std::vector<std::uint8_t>& bytes) {
  std::vector<camera_header> headers(bytes.size() / camera_header_bytes);
  for (std::size_t i = 0; i < headers.size(); ++i) {
    camera_header_image image{};
    std::memcpy(image.data(), bytes.data() + i * camera_header_bytes, image.size());
    headers[i] = decode(image);
  }
  return headers;
}

/// What was kept, open.
class header_file {
 public:
  header_file(const std::filesystem::path& path, const camera_layout& layout) : file_(open_hdf5(path)) {
    if (!has_path(file_, group_name)) throw format_error("holds no headers of records; make it with countem index");
    const hdf5_handle group = open_group(file_, group_name);
    const auto version = read_number_attribute<std::uint32_t>(group, "version");
    if (version != layout_version)
      throw format_error(
          fmt::format("its layout {} is unknown to this countem, which reads layout {}", version, layout_version));
    const std::string format = read_text_attribute(group, "format");
    if (format != to_string(layout.format))
      throw format_error(fmt::format("holds headers of {} records, and the files are {}", format, to_string(layout.format)));
    const auto files = read_number_attribute<std::uint32_t>(group, "files", {1, 0xffff});
    for (std::uint32_t number = 0; number < files; ++number) {
      const hdf5_handle one = open_group(file_, path_of(number));
      if (!numbers_.emplace(read_text_attribute(one, "name"), number).second)
        throw format_error("names a file twice: it is damaged");
    }
  }

  /// @throws format_error when it is another file than that of this name
  [[nodiscard]] std::vector<camera_header> headers_of(const record_file& raw) const {
    const auto found = numbers_.find(raw.path().filename().string());
    if (found == numbers_.end()) throw format_error("holds no headers of a file of the name of " + raw.path().string());
    const std::string group = path_of(found->second);
    const auto bytes = read_number_attribute<std::uint64_t>(open_group(file_, group), "bytes");
    if (bytes != raw.bytes) {
      throw format_error(
          fmt::format("was made of a {} of {} bytes, and {} has {}", found->first, bytes, raw.path().string(), raw.bytes));
    }
    std::vector<hsize_t> extent;
    const auto kept = read_dataset<std::uint8_t>(file_, group + "/headers", &extent, raw.headers.size() * camera_header_bytes);
    if (extent != std::vector<hsize_t>{raw.headers.size(), camera_header_bytes})
      throw format_error("holds another number of headers than " + raw.path().string());
    return headers_from(kept);
  }

 private:
  hdf5_handle file_;
  std::map<std::string, std::uint32_t> numbers_;
};

/// The first, the last, and some between them. @throws format_error when one differs
void compare_some(const record_file& raw, const camera_layout& layout) {
  const std::uint64_t records = raw.headers.size();
  const std::uint64_t compared = std::min(records, compared_headers);
  for (std::uint64_t i = 0; i < compared; ++i) {
    const std::uint64_t record = compared == 1 ? 0 : i * (records - 1) / (compared - 1);
    if (read_header(raw, record, layout) != raw.headers[record])
      throw format_error(fmt::format("was made of another {}: {} differs", raw.path().string(), where(record, layout)));
  }
}

}  // namespace

void save_headers(std::span<const record_file> files, const camera_layout& layout, const std::filesystem::path& output,
                  const output_rules& rules) try {
  output_file made(output, header_file_output, rules);
  const auto lock = hdf5_lock();
  hdf5_handle file = create_hdf5(made);
  {
    const hdf5_handle group = make_group(file, group_name);
    write_attribute(group, "version", std::int64_t{layout_version});
    write_attribute(group, "format", to_string(layout.format));
    write_attribute(group, "files", static_cast<std::int64_t>(files.size()));
    for (std::size_t number = 0; number < files.size(); ++number) {
      const hdf5_handle one = make_group(file, path_of(number));
      write_attribute(one, "name", files[number].path().filename().string());
      write_attribute(one, "bytes", files[number].bytes);
      write_dataset(one, "headers", {files[number].headers.size(), camera_header_bytes}, bytes_of(files[number].headers).data(),
                    1);
    }
  }
  close_hdf5(file, output.string());
  made.finish();
} catch (const hdf5_refusal& reason) {
  throw_unwritten(reason);
}

void load_headers(std::span<record_file> files, const camera_layout& layout, const std::filesystem::path& kept) try {
  naming(kept, [&] {
    const auto lock = hdf5_lock();
    const header_file opened(kept, layout);
    for (record_file& raw : files) raw.headers = opened.headers_of(raw);
  });
  for (const record_file& raw : files) compare_some(raw, layout);
} catch (const format_error& reason) {
  throw format_error(kept.string() + ": " + reason.what() + "; make it anew, or open the files without it");
}

}  // namespace countem::io
