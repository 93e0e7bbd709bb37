#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/files/file.hpp"
#include "io/sources/camera/format.hpp"

// What the headers of a file's records define.
namespace countem::io {

/// The headers of one file of records. A last record that is cut short after its header is the last of `headers`.
struct record_file {
  file_handle file;
  std::uint64_t bytes = 0;
  std::uint32_t module = 0;
  std::uint64_t complete = 0;    ///< records that lie wholly in the file
  std::uint64_t tail_bytes = 0;  ///< behind the last complete record
  std::vector<camera_header> headers;

  [[nodiscard]] const std::filesystem::path& path() const { return file.path(); }
};

/// What all records of one scan have in common.
struct scan_identity {
  std::uint32_t scan_number = 0;
  std::uint16_t width = 0;
  std::uint16_t height = 0;

  friend bool operator==(const scan_identity&, const scan_identity&) = default;
};

[[nodiscard]] scan_identity identity_of(const camera_header& header);

/// Whether a record was never written: the camera's files may be laid out in advance.
[[nodiscard]] bool is_blank(const camera_header& header);

/// "record N (byte B)"
[[nodiscard]] std::string where(std::uint64_t record, const camera_layout& layout);

/// Opens a file of records. `headers` has room for all of them, or for the first `most`. @throws io_error, format_error
[[nodiscard]] record_file open_record_file(const std::filesystem::path& path, const camera_layout& layout,
                                           std::uint64_t most = ~std::uint64_t{0});

/// The header of one record. @throws io_error
[[nodiscard]] camera_header read_header(const record_file& file, std::uint64_t record, const camera_layout& layout);

/// Fills `headers` of files that were opened at this layout. 16 bytes of each record are read, nothing else: record i begins at
/// byte i * record_bytes(), whatever the header before it holds, so many are read at a time, from all files.
/// @throws io_error, interrupted
void read_headers(std::span<record_file> files, const camera_layout& layout);

/// What each record of a file names, but for those never written.
[[nodiscard]] std::vector<scan_identity> identities(const record_file& file);

/// What more than half of the records name, if there is such; else what one of them names.
[[nodiscard]] scan_identity majority(const std::vector<scan_identity>& all);

/// The scan that the records of a file name: more than half of them, or half of them where the file is a whole number of
/// records. With a wrong record length, headers are pixels and name none.
[[nodiscard]] std::optional<scan_identity> agreed_scan(const record_file& file);

/// Whether the first headers of a file agree on a scan at the record length of a version (v3, v4 or v5).
[[nodiscard]] bool fits_version(const std::filesystem::path& path, const input_format& version);

/// The version (v3 or v5) whose record length the headers of all files fit; v4 and v5 have the same length and are not
/// distinguished. Nothing when neither fits.
[[nodiscard]] std::optional<input_format> guess_camera_version(const std::vector<std::filesystem::path>& files);

}  // namespace countem::io
