#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <countem/frame_source.hpp>
#include <countem/output.hpp>

// The headers of all records of a scan, kept in a file: to read them from the raw files takes a read for each record, which for
// a million frames on a disk takes minutes, and every process that counts a part of the scan needs them.
namespace countem {

/// What save_record_headers() kept.
struct kept_headers {
  std::uint64_t files = 0;    ///< raw files
  std::uint64_t records = 0;  ///< in all of them
  source_info scan;           ///< as open_source() finds it
};

/// Reads the headers of a 4D Camera scan (versions 3 to 5) and keeps them in `output`, an HDF5 file (docs/formats.md). The
/// raw files may lie in another folder when they are opened with source_options::headers, but under the same names.
/// @throws as open_source(); invalid_argument for a format without records
kept_headers save_record_headers(const std::vector<std::filesystem::path>& inputs, const source_options& options,
                                 const std::filesystem::path& output, const output_rules& rules = {});

}  // namespace countem
