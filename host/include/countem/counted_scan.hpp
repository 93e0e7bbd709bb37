#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <countem/counting.hpp>
#include <countem/frame_source.hpp>
#include <countem/pipeline.hpp>

namespace countem {

/// A finished count: what was counted, with what, and what came out. The source and the setup are not owned.
struct counted_scan {
  const source_info& source;                    ///< of the frames
  const counting_setup& setup;                  ///< they were counted with
  backend_choice chosen;                        ///< and why
  count_result result;                          ///< what came out
  std::filesystem::path output;                 ///< the finished store
  std::uint64_t resumed_after_frames = 0;       ///< frames that an earlier run had counted
  std::vector<std::filesystem::path> pictures;  ///< files that were drawn

  /// Raw data counted per second, in 10^9 bytes.
  [[nodiscard]] double gigabytes_per_s() const {
    return result.frames_per_s() * static_cast<double>(source.shape.pixels() * size_of(source.type)) / 1e9;
  }
};

/// One JSON object with the result of a count for programs; docs/command_line.md lists the keys. UTF-8.
/// @throws std::filesystem::filesystem_error when the output is not there
[[nodiscard]] std::string to_json(const counted_scan& counted);

}  // namespace countem
