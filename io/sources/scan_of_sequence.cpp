#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

// Each factor is checked before it is multiplied on: no overflow hides an absurd scan.
bool makes_sense(const scan_shape& scan) {
  return scan.height <= max_scan_frames && scan.width <= max_scan_frames && scan.frames_per_position <= max_scan_frames &&
         scan.positions() <= max_scan_frames && scan.frames() <= max_scan_frames && scan.frames() > 0;
}

scan_shape chosen(std::uint64_t complete, const std::optional<scan_shape>& claimed, const std::optional<scan_shape>& given) {
  if (!given) return claimed ? *claimed : scan_shape{1, static_cast<std::uint32_t>(complete), 1};
  return with_repeats(*given, claimed ? claimed->frames_per_position : 1);
}

}  // namespace

void check_given_scan(const scan_shape& scan) {
  const scan_shape least = with_repeats(scan, 1);
  if (makes_sense(least)) return;
  throw invalid_argument(
      fmt::format("a scan of {} makes no sense: it must have 1 to {} frames", words_of(least), max_scan_frames));
}

bool is_plausible_claim(std::uint64_t frames, std::uint64_t frames_found) {
  constexpr std::uint64_t always_believed = std::uint64_t{1} << 24;
  return frames <= always_believed || frames / 64 <= frames_found;
}

void check_claimed_scan(const scan_shape& claimed, std::uint64_t frames_found, const std::filesystem::path& file) {
  if (makes_sense(claimed) && is_plausible_claim(claimed.frames(), frames_found)) return;
  throw format_error(
      fmt::format("{}: claims a scan of {}, but {} frames of it were found", file.string(), words_of(claimed), frames_found),
      {{advice_kind::scan_size}});
}

scan_shape scan_of_sequence(std::uint64_t complete, const std::optional<scan_shape>& claimed,
                            const std::optional<scan_shape>& given, const std::filesystem::path& file, issue_list& issues) {
  if (complete > max_scan_frames) {
    throw format_error(
        fmt::format("{}: {} frames are more than a scan may have ({})", file.string(), complete, max_scan_frames));
  }
  if (claimed && !given) check_claimed_scan(*claimed, complete, file);
  const scan_shape scan = chosen(complete, claimed, given);
  add_misfit(frame_order(scan, {}, complete), file, issues);
  return scan;
}

void place_stated_scan(source_info& info, const std::filesystem::path& file, issue_list& issues) {
  axis_lengths& lengths = info.lengths;
  if (lengths.scan_step_nm == 0 || !info.stated_scan) return;
  if (const std::optional<raster_place> first = place_in_raster(*info.stated_scan, info.scan, info.path)) {
    lengths.scan_origin_nm.row += static_cast<double>(first->row) * lengths.scan_step_nm;
    lengths.scan_origin_nm.column += static_cast<double>(first->column) * lengths.scan_step_nm;
    return;
  }
  lengths.scan_step_nm = 0;
  lengths.scan_origin_nm = {};
  issues.add("scan_step_not_taken", file, [&] { return words_of_lost_step(*info.stated_scan, info.scan, info.path); });
}

void add_misfit(const frame_order& order, const std::filesystem::path& file, issue_list& issues) {
  for (const source_issue& one : misfits(order))
    issues.add(
        one.kind, file, [&] { return one.text; }, one.occurrences);
}

void check_frame_shape(frame_shape shape, const std::string& name) {
  if (shape.pixels() > 0 && shape.pixels() <= max_pixels) return;
  throw format_error(fmt::format("{}: frames of {} x {} pixels (height x width) make no sense: they must have 1 to 2^32 - 1",
                                 name, shape.height, shape.width));
}

void check_extent(const std::vector<std::uint64_t>& axes, const std::string& name, const std::optional<frame_shape>& image) {
  const std::size_t rank = axes.size();
  const bool fits = rank >= 2 && rank <= 5 &&
                    std::all_of(axes.begin(), axes.end(), [](std::uint64_t axis) { return axis > 0 && axis <= 0xffff'ffff; });
  if (!fits && image) {
    throw format_error(fmt::format("{}: an array of shape ({}) is not an image of the detector, whose two axes are ({}, {})",
                                   name, fmt::join(axes, ", "), image->height, image->width));
  }
  if (!fits) {
    throw format_error(
        fmt::format("{}: an array of shape ({}) is not a scan: it must have 3 to 5 axes, none empty: (frame, row, column), "
                    "(scan row, scan column, row, column) or (scan row, scan column, repeat, row, column)",
                    name, fmt::join(axes, ", ")));
  }
}

array_extent extent_of_array(const std::vector<std::uint64_t>& axes, const std::string& name,
                             const std::optional<frame_shape>& image) {
  check_extent(axes, name, image);
  const std::size_t rank = axes.size();
  const auto axis = [&](std::size_t number) { return static_cast<std::uint32_t>(axes[number]); };
  array_extent extent{{axis(rank - 2), axis(rank - 1)}, {1, 1, 1}};
  check_frame_shape(extent.shape, name);
  if (rank == 3) extent.scan.width = axis(0);
  if (rank >= 4) extent.scan = {axis(0), axis(1), rank == 5 ? axis(2) : 1};
  return extent;
}

}  // namespace countem::io
