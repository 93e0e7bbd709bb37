#include "io/indexed_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include <countem/error.hpp>

namespace countem::io {

namespace {

class indexed_source final : public frame_source {
 public:
  indexed_source(source_info info, std::vector<file_handle> files, frame_index index)
      : info_(std::move(info)),
        files_(std::move(files)),
        index_(std::move(index)),
        parts_(info_.split == sector_split::none ? 1 : sectors_per_frame),
        frame_bytes_(info_.shape.pixels() * size_of(info_.type)) {}

  const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.assign(count, blank());
    const bool columns = info_.split == sector_split::columns;
    // Column sectors pass through room for one sector behind the frames.
    std::byte* const storage = batch.storage(count * frame_bytes_ + (columns ? part_bytes() : 0));
    std::byte* const sector_room = storage + count * frame_bytes_;

    auto found = std::lower_bound(index_.frames.begin(), index_.frames.end(), first);
    for (; found != index_.frames.end() && *found < first + count; ++found) {
      const std::size_t in_batch = static_cast<std::size_t>(*found - first);
      frame_view& frame = batch.frames[in_batch];
      std::byte* const pixels = storage + in_batch * frame_bytes_;
      const auto row = static_cast<std::size_t>(found - index_.frames.begin());
      const std::span parts = std::span(index_.parts).subspan(row * parts_, parts_);
      frame.truncated = std::binary_search(index_.truncated.begin(), index_.truncated.end(), *found);
      if (columns) {
        read_columns(parts, pixels, sector_room, frame);
      } else {
        read_bands(parts, pixels, frame);
      }
    }
  }

 private:
  [[nodiscard]] std::size_t part_bytes() const { return frame_bytes_ / parts_; }

  [[nodiscard]] frame_view blank() const {
    frame_view frame;
    frame.shape = info_.shape;
    frame.type = info_.type;
    frame.split = info_.split;
    frame.present = 0;
    frame.band_count = info_.split == sector_split::rows ? sectors_per_frame : 1;
    return frame;
  }

  /// The one place where pixels leave the file; whoever maps files instead of reading them changes this function.
  void fetch(std::uint64_t place, std::byte* to) const {
    const file_handle& file = files_[frame_index::file_of(place)];
    const std::uint64_t offset = frame_index::offset_of(place);
    const std::size_t got = file.read_at(offset, to, part_bytes());
    if (got != part_bytes()) {
      throw io_error(fmt::format("{}: ends {} bytes into the pixels at byte {}: the file became shorter while it was read",
                                 file.path().string(), got, offset));
    }
  }

  /// Whole frames, and row sectors: each part is a contiguous band of the frame.
  void read_bands(std::span<const std::uint64_t> parts, std::byte* pixels, frame_view& frame) const {
    for (std::size_t part = 0; part < parts.size(); ++part) {
      if (parts[part] == frame_index::missing) continue;
      fetch(parts[part], pixels + part * part_bytes());
      frame.bands[part] = pixels + part * part_bytes();
      frame.present = static_cast<std::uint8_t>(frame.present | 1U << part);
    }
    if (parts.size() == 1 && frame.present != 0) frame.present = all_sectors;
  }

  /// Column sectors: their rows are put side by side; what a missing sector should have held is zero.
  void read_columns(std::span<const std::uint64_t> parts, std::byte* pixels, std::byte* sector_room, frame_view& frame) const {
    if (std::all_of(parts.begin(), parts.end(), [](std::uint64_t part) { return part == frame_index::missing; })) return;
    frame.bands[0] = pixels;
    const std::size_t row_bytes = info_.shape.width * size_of(info_.type);
    const std::size_t sector_row_bytes = row_bytes / parts_;
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const bool arrived = parts[part] != frame_index::missing;
      if (arrived) {
        fetch(parts[part], sector_room);
        frame.present = static_cast<std::uint8_t>(frame.present | 1U << part);
      }
      for (std::size_t y = 0; y < info_.shape.height; ++y) {
        std::byte* const to = pixels + y * row_bytes + part * sector_row_bytes;
        if (arrived) {
          std::memcpy(to, sector_room + y * sector_row_bytes, sector_row_bytes);
        } else {
          std::memset(to, 0, sector_row_bytes);
        }
      }
    }
  }

  source_info info_;
  std::vector<file_handle> files_;
  frame_index index_;
  std::size_t parts_;
  std::size_t frame_bytes_;
};

}  // namespace

std::unique_ptr<frame_source> make_indexed_source(source_info info, std::vector<file_handle> files, frame_index index) {
  return std::make_unique<indexed_source>(std::move(info), std::move(files), std::move(index));
}

void check_range(const source_info& info, std::uint64_t first, std::size_t count) {
  const std::uint64_t frames = info.scan.frames();
  if (first > frames || count > frames - first) {
    throw invalid_argument(fmt::format("frames {} to {} were asked for, the scan has {}", first, first + count, frames));
  }
}

}  // namespace countem::io
