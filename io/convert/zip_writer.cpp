#include "io/convert/zip_writer.hpp"

#include <isa-l/crc.h>

#include <string_view>

#include <countem/error.hpp>

namespace countem::io {

namespace {

// Of the ZIP format: signatures, and the mark of a value that is in the ZIP64 extra field.
constexpr std::uint32_t local_header_signature = 0x04034b50;
constexpr std::uint32_t directory_entry_signature = 0x02014b50;
constexpr std::uint32_t zip64_end_signature = 0x06064b50;
constexpr std::uint32_t zip64_locator_signature = 0x07064b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::uint16_t zip64_version = 45;
constexpr std::uint16_t zip64_field = 1;
constexpr std::uint32_t in_extra = 0xffff'ffff;
constexpr std::uint16_t first_date = 0x21;  // 1980-01-01

template <class T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_zeros(std::string& to, std::size_t bytes) {
  to.append(bytes, '\0');
}

/// The end of every archive: all numbers are in the ZIP64 record before it.
std::string end_record() {
  constexpr std::string_view comment = "countem";
  std::string record;
  put(record, end_signature);
  put_zeros(record, 4);  // disks
  for (int count = 0; count < 2; ++count) put(record, std::uint16_t{0xffff});
  for (int value = 0; value < 2; ++value) put(record, in_extra);
  put(record, static_cast<std::uint16_t>(comment.size()));
  record += comment;
  return record;
}

}  // namespace

bool is_own_zip(const std::filesystem::path& path) try {
  const std::string end = end_record();
  return last_bytes(path, end.size()) == end;
} catch (const format_error&) {
  return false;
}

void zip_writer::begin(const std::string& name) {
  members_.push_back({name, file_.size(), 0, 0});
  const std::string header = local_header(members_.back());
  file_.append(header.data(), header.size());
}

void zip_writer::append(const void* bytes, std::size_t count) {
  members_.back().crc = crc32_gzip_refl(members_.back().crc, static_cast<const unsigned char*>(bytes), count);
  members_.back().bytes += count;
  file_.append(bytes, count);
}

void zip_writer::end() {
  const std::string header = local_header(members_.back());
  file_.overwrite(members_.back().offset, header.data(), header.size());
}

void zip_writer::finish() {
  const std::uint64_t start = file_.size();
  std::string directory;
  for (const member& of : members_) directory += directory_entry(of);
  const std::uint64_t length = directory.size();
  const std::uint64_t members = members_.size();

  constexpr std::uint64_t zip64_end_bytes = 44;  // after this number
  put(directory, zip64_end_signature);
  put(directory, zip64_end_bytes);
  put(directory, zip64_version);
  put(directory, zip64_version);
  put_zeros(directory, 8);  // disks
  for (const std::uint64_t value : {members, members, length, start}) put(directory, value);

  put(directory, zip64_locator_signature);
  put_zeros(directory, 4);  // disk
  put(directory, start + length);
  put(directory, std::uint32_t{1});  // disks

  directory += end_record();
  file_.append(directory.data(), directory.size());
}

/// What a local header and a directory entry share, from the version on.
void zip_writer::put_common(std::string& to, const member& of, std::uint16_t extra_bytes) {
  put(to, zip64_version);
  put_zeros(to, 6);  // flags, method (stored), time
  put(to, first_date);
  put(to, of.crc);
  put(to, in_extra);
  put(to, in_extra);
  put(to, static_cast<std::uint16_t>(of.name.size()));
  put(to, extra_bytes);
}

std::string zip_writer::local_header(const member& of) {
  std::string header;
  put(header, local_header_signature);
  put_common(header, of, 20);
  header += of.name;
  put(header, zip64_field);
  put(header, std::uint16_t{16});
  put(header, of.bytes);
  put(header, of.bytes);
  return header;
}

std::string zip_writer::directory_entry(const member& of) {
  std::string entry;
  put(entry, directory_entry_signature);
  put(entry, zip64_version);
  put_common(entry, of, 28);
  put_zeros(entry, 10);  // comment, disk, attributes
  put(entry, in_extra);  // offset
  entry += of.name;
  put(entry, zip64_field);
  put(entry, std::uint16_t{24});
  for (const std::uint64_t value : {of.bytes, of.bytes, of.offset}) put(entry, value);
  return entry;
}

}  // namespace countem::io
