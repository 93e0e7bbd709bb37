#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <countem/frame_source.hpp>

// How far the opening of a scan is: the header of every record is read, which takes a while where the disk is slow and the scan
// is large.
namespace countem {

/// How many headers of records an opening has read.
struct opening_progress {
  std::uint64_t records_done = 0;   ///< headers that were read
  std::uint64_t records_total = 0;  ///< headers in all files
};

/// Called by the thread that opens, several times per second.
using opening_observer = std::function<void(const opening_progress&)>;

/// open_source() of frame_source.hpp that shows `seen` how far it is; formats that read no headers of records never call it.
/// @throws as open_source(); what `seen` throws ends the opening
[[nodiscard]] std::unique_ptr<frame_source> open_source(const std::vector<std::filesystem::path>& inputs,
                                                        const source_options& options, const opening_observer& seen);

}  // namespace countem
