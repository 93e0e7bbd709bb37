#include "io/sources/tvips/tvips_positions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace countem::io {

std::vector<std::uint64_t> tvips_positions(const std::vector<std::uint32_t>& counters, const std::filesystem::path& file,
                                           issue_list& issues) {
  const std::size_t frames = counters.size();
  std::vector<std::uint64_t> in_order(frames);
  std::iota(in_order.begin(), in_order.end(), std::uint64_t{0});
  std::size_t start = 0;  // the first frame of the scan
  while (start + 1 < frames && counters[start + 1] <= counters[start]) ++start;
  if (start + 1 >= frames) return in_order;
  std::size_t last = frames - 1;  // the one at the last step
  while (counters[last] <= counters[last - 1]) --last;
  if (!std::is_sorted(counters.begin() + static_cast<std::ptrdiff_t>(start),
                      counters.begin() + static_cast<std::ptrdiff_t>(last) + 1)) {
    issues.add("unordered_positions", file,
               [] { return "the scan positions in its frames' headers step back; frames are taken in their order"; });
    return in_order;
  }
  // Positions count from 1, and 0 stands for no scan; a first frame with 0 alone is the first position of a count from 0.
  std::uint64_t base = 1;
  if (counters[start] == 0) {
    if (start == 0) {
      base = 0;
    } else {
      ++start;
    }
  } else {
    while (start > 0 && counters[start - 1] == counters[start]) --start;
  }
  std::vector<std::uint64_t> places(frames, outside_tvips_scan);
  std::uint64_t left_out = 0;
  for (std::size_t first = start; first < last;) {
    std::size_t step = first;
    while (counters[step] == counters[first]) ++step;
    const std::uint64_t room = counters[step] - counters[first];
    for (std::size_t frame = first; frame < step; ++frame) {
      if (frame - first < room) {
        places[frame] = counters[first] - base + (frame - first);
      } else {
        ++left_out;
      }
    }
    first = step;
  }
  places[last] = counters[last] - base;
  const std::uint64_t outside = start + (frames - 1 - last);
  issues.add(
      "frame_outside_scan", file,
      [&] {
        return fmt::format("{} frames before and {} behind the scan positions in their headers are left out", start,
                           frames - 1 - last);
      },
      outside);
  issues.add(
      "position_outside_scan", file,
      [&] {
        return fmt::format("{} frames are more than the scan positions in their headers have room for; left out", left_out);
      },
      left_out);
  return places;
}

}  // namespace countem::io
