#include "io/sources/camera/records.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>
#include <countem/work.hpp>

#include "io/files/in_flight.hpp"
#include "io/sources/indexed_source.hpp"

namespace countem::io {

namespace fs = std::filesystem;

scan_identity identity_of(const camera_header& header) {
  return {header.scan_number, header.scan_width, header.scan_height};
}

bool is_blank(const camera_header& header) {
  return header == camera_header{};
}

std::string where(std::uint64_t record, const camera_layout& layout) {
  return fmt::format("record {} (byte {})", record, record * layout.record_bytes());
}

record_file open_record_file(const fs::path& path, const camera_layout& layout, std::uint64_t most) {
  record_file found;
  found.file = file_handle::open_read(path);
  found.bytes = found.file.size();
  if (found.bytes > frame_index::max_offset) throw format_error(path.string() + ": is larger than 2^48 bytes");
  found.complete = found.bytes / layout.record_bytes();
  found.tail_bytes = found.bytes % layout.record_bytes();
  found.headers.resize(std::min(most, found.complete + (found.tail_bytes >= camera_header_bytes ? 1 : 0)));
  return found;
}

camera_header read_header(const record_file& file, std::uint64_t record, const camera_layout& layout) {
  camera_header_image image{};
  if (file.file.read_at(record * layout.record_bytes(), image.data(), image.size()) != image.size()) {
    throw io_error(
        fmt::format("{}: became shorter while the header of {} was read", file.path().string(), where(record, layout)));
  }
  return decode(image);
}

void read_headers(std::span<record_file> files, const camera_layout& layout) {
  std::vector<std::uint64_t> firsts;  // among all records
  std::uint64_t records = 0;
  for (const record_file& file : files) {
    firsts.push_back(records);
    records += file.headers.size();
    // Read-ahead would drag the pixels through memory for 16 bytes each.
    ::posix_fadvise(file.file.descriptor(), 0, 0, POSIX_FADV_RANDOM);
  }
  const auto read = [&](std::uint64_t number) {
    const auto file = static_cast<std::size_t>(std::upper_bound(firsts.begin(), firsts.end(), number) - firsts.begin()) - 1;
    const std::uint64_t record = number - firsts[file];
    files[file].headers[record] = read_header(files[file], record, layout);
  };
  work indexing("indexing", "records", records);
  read_in_flight(records, read, [&, shown = std::uint64_t{0}](std::uint64_t done) mutable {
    indexing.advance(done - shown);
    shown = done;
  });
  for (const record_file& file : files) ::posix_fadvise(file.file.descriptor(), 0, 0, POSIX_FADV_NORMAL);
}

std::vector<scan_identity> identities(const record_file& file) {
  std::vector<scan_identity> found;
  for (const camera_header& header : file.headers) {
    if (!is_blank(header)) found.push_back(identity_of(header));
  }
  return found;
}

/// Boyer and Moore's vote.
scan_identity majority(const std::vector<scan_identity>& all) {
  scan_identity leader;
  std::size_t lead = 0;
  for (const scan_identity& one : all) {
    if (lead == 0) leader = one;
    lead = leader == one ? lead + 1 : lead - 1;
  }
  return leader;
}

std::optional<scan_identity> agreed_scan(const record_file& file) {
  const std::vector<scan_identity> found = identities(file);
  const scan_identity leader = majority(found);
  const auto agreeing = static_cast<std::size_t>(std::count(found.begin(), found.end(), leader));
  if (agreeing == 0 || 2 * agreeing < found.size() || (2 * agreeing == found.size() && file.tail_bytes != 0))
    return std::nullopt;
  return leader;
}

bool fits_version(const fs::path& path, const input_format& version) {
  const camera_layout layout = layout_of(version);
  const file_handle file = file_handle::open_read(path);
  if (file.size() < layout.record_bytes()) return false;
  constexpr std::uint64_t enough = 256;  // records, to distinguish headers from pixels
  record_file first = open_record_file(path, layout, enough);
  read_headers({&first, 1}, layout);
  const std::optional<scan_identity> agreed = agreed_scan(first);
  return agreed && agreed->width > 0 && agreed->height > 0;
}

std::optional<input_format> guess_camera_version(const std::vector<fs::path>& files) {
  // In this order: a file of v5 that is cut within 16 bytes behind the length of a record of v3 fits both.
  for (const input_format& version : {camera::v5, camera::v3}) {
    if (std::all_of(files.begin(), files.end(), [&](const fs::path& path) { return fits_version(path, version); }))
      return version;
  }
  return std::nullopt;
}

}  // namespace countem::io
