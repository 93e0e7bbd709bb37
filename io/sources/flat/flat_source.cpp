#include "io/sources/flat/flat_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/sources/placed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

void check_layout(const flat_layout& layout, const std::string& name) {
  constexpr std::uint64_t longest = std::uint64_t{1} << 48;
  check_frame_shape(layout.shape, name);
  if (layout.offset_bytes > longest || layout.gap_bytes > longest) {
    throw format_error(fmt::format("{}: an offset of {} bytes with gaps of {} bytes makes no sense", name, layout.offset_bytes,
                                   layout.gap_bytes));
  }
}

frame_coding coding_of(const flat_layout& layout) {
  return {layout.shape, layout.type, layout.big_endian, layout.packed_bytes, layout.unpack};
}

}  // namespace

flat_frames flat_frames_of(const file_handle& file, const flat_layout& layout, issue_list& issues) {
  const std::string name = file.path().string();
  check_layout(layout, name);
  flat_frames found{.coding = coding_of(layout)};
  const std::uint64_t bytes = file.size();
  const std::uint64_t frame_bytes = found.coding.file_bytes();
  const std::uint64_t payload = bytes - std::min(bytes, layout.offset_bytes);
  // The last frame needs no gap behind it.
  const std::uint64_t held = (payload + layout.gap_bytes) / (frame_bytes + layout.gap_bytes);
  const std::uint64_t claimed = layout.claimed ? layout.claimed->frames() : held;
  found.complete = std::min(held, claimed);
  if (found.complete == 0) {
    throw format_error(fmt::format(
        "{}: holds not one whole frame: a frame of {} x {} {} pixels after {} bytes of header needs {} bytes, the file has {}",
        name, layout.shape.height, layout.shape.width, to_string(layout.type), layout.offset_bytes,
        layout.offset_bytes + frame_bytes, bytes));
  }
  found.run = {0, found.complete, 0, layout.offset_bytes, frame_bytes + layout.gap_bytes};
  const std::uint64_t used = found.complete * frame_bytes + (found.complete - 1) * layout.gap_bytes;
  const std::uint64_t left = payload - std::min(payload, used);
  found.cut_short = left > layout.gap_bytes && (!layout.claimed || held < claimed);
  if (found.cut_short) {
    issues.add("truncated_record", file.path(), [&] {
      return fmt::format("frame {} (byte {}) is cut short: {} of {} bytes; the {} complete frames before it are kept",
                         found.complete, found.run.offset_of(found.complete), left - layout.gap_bytes, frame_bytes,
                         found.complete);
    });
  } else if (left > layout.gap_bytes && !layout.more_behind) {
    issues.add("trailing_bytes", file.path(),
               [&] { return fmt::format("{} bytes follow the {} frames that the header claims; left out", left, claimed); });
  }
  return found;
}

std::unique_ptr<frame_source> open_flat(file_handle file, const input_format& format, const flat_layout& layout,
                                        const source_options& options, issue_list issues) {
  const flat_frames found = flat_frames_of(file, layout, issues);
  placed_scan scan{
      .format = format, .coding = found.coding, .runs = {found.run}, .claimed = layout.claimed, .known = layout.known};
  if (found.cut_short) scan.cut_short = {found.complete};
  scan.files.push_back(std::move(file));
  return open_placed(std::move(scan), options, std::move(issues));
}

}  // namespace countem::io
