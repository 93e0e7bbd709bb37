#include <fmt/format.h>

#include <countem/error.hpp>

#include "io/sources.hpp"

namespace countem::io {

void check_given_scan(const scan_shape& scan) {
  // Each factor is checked before it is multiplied on: no overflow hides an absurd scan.
  const bool fits = scan.height <= max_scan_frames && scan.width <= max_scan_frames && scan.frames_per_position <= max_scan_frames &&
                    scan.positions() <= max_scan_frames && scan.frames() <= max_scan_frames;
  if (scan.frames() == 0 || !fits) {
    throw invalid_argument(fmt::format("a scan of {} x {} positions (width x height) with {} frames each makes no sense: it must have 1 to {} frames",
                                       scan.width, scan.height, scan.frames_per_position, max_scan_frames));
  }
}

scan_shape scan_of_sequence(std::uint64_t frames, const std::optional<scan_shape>& given, const std::filesystem::path& file, issue_list& issues) {
  if (frames > max_scan_frames) {
    throw format_error(fmt::format("{}: {} frames are more than a scan may have ({})", file.string(), frames, max_scan_frames));
  }
  if (!given) return {1, static_cast<std::uint32_t>(frames), 1};
  if (frames > given->frames()) {
    issues.add("more_frames_than_scan", file, [&] {
      return fmt::format("holds {} frames, the scan of {} x {} positions (width x height) has {}; the rest is left out", frames, given->width,
                         given->height, given->frames());
    }, frames - given->frames());
  } else if (frames < given->frames()) {
    issues.add("missing_frame", file, [&] {
      return fmt::format("holds {} frames, the scan of {} x {} positions (width x height) has {}; the last ones are missing", frames, given->width,
                         given->height, given->frames());
    }, given->frames() - frames);
  }
  return *given;
}

}  // namespace countem::io
