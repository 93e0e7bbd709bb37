#include "io/sources/indexed_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include <countem/error.hpp>

#include "io/files/mapped_parts.hpp"

namespace countem::io {

namespace {

class indexed_source final : public frame_source {
 public:
  indexed_source(source_info info, std::vector<file_handle> files, frame_index index, bool in_place)
      : info_(std::move(info)),
        files_(std::move(files)),
        index_(std::move(index)),
        parts_(info_.split == sector_split::none ? 1 : sectors_per_frame),
        frame_bytes_(info_.shape.pixels() * size_of(info_.type)),
        in_place_(in_place && info_.split != sector_split::columns) {}

  const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.assign(count, blank());
    const bool columns = info_.split == sector_split::columns;
    // Column sectors pass through room for one sector behind the frames.
    std::byte* const storage = batch.storage(count * frame_bytes_ + (columns ? part_bytes() : 0));
    std::byte* const sector_room = storage + count * frame_bytes_;

    for_arrived(first, count, [&](std::size_t in_batch, std::span<const std::uint64_t> parts) {
      frame_view& frame = batch.frames[in_batch];
      std::byte* const pixels = storage + in_batch * frame_bytes_;
      frame.truncated = is_truncated(first + in_batch);
      if (columns) {
        read_columns(parts, pixels, sector_room, frame);
      } else {
        set_bands(parts, frame, [&](std::size_t part) {
          fetch(parts[part], pixels + part * part_bytes());
          return pixels + part * part_bytes();
        });
      }
    });
  }

  [[nodiscard]] frame_arrival arrival(std::uint64_t number) const override {
    frame_arrival found = frame_arrival::nothing;
    for_arrived(number, 1, [&](std::size_t, std::span<const std::uint64_t> parts) {
      const auto lacking = std::count(parts.begin(), parts.end(), frame_index::missing);
      if (lacking == 0) found = frame_arrival::whole;
      if (lacking > 0 && static_cast<std::size_t>(lacking) < parts.size()) found = frame_arrival::part;
    });
    return found;
  }

  void visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch, const visitor& use) const override {
    check_range(info_, first, count);
    mapped_parts mapped(files_);
    if (!in_place_ || !map(first, count, mapped)) return frame_source::visit(first, count, most, batch, use);
    std::vector<frame_view> frames(count, blank());
    for_arrived(first, count, [&](std::size_t in_batch, std::span<const std::uint64_t> parts) {
      frames[in_batch].truncated = is_truncated(first + in_batch);
      set_bands(parts, frames[in_batch], [&](std::size_t part) {
        return mapped.at(frame_index::file_of(parts[part]), frame_index::offset_of(parts[part]));
      });
    });
    use(first, frames);
    mapped.check();
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

  /// Calls visit_one(frame - first, places of its parts) for each frame of which anything arrived.
  template <class Visit>
  void for_arrived(std::uint64_t first, std::size_t count, Visit visit_one) const {
    auto found = std::lower_bound(index_.frames.begin(), index_.frames.end(), first);
    for (; found != index_.frames.end() && *found < first + count; ++found) {
      const auto row = static_cast<std::size_t>(found - index_.frames.begin());
      visit_one(static_cast<std::size_t>(*found - first), std::span(index_.parts).subspan(row * parts_, parts_));
    }
  }

  [[nodiscard]] bool is_truncated(std::uint64_t frame) const {
    return std::binary_search(index_.truncated.begin(), index_.truncated.end(), frame);
  }

  [[nodiscard]] bool map(std::uint64_t first, std::size_t count, mapped_parts& mapped) const {
    for_arrived(first, count, [&](std::size_t, std::span<const std::uint64_t> parts) {
      for (const std::uint64_t part : parts) {
        if (part != frame_index::missing) mapped.add(frame_index::file_of(part), frame_index::offset_of(part), part_bytes());
      }
    });
    return mapped.map();
  }

  void fetch(std::uint64_t place, std::byte* to) const {
    const file_handle& file = files_[frame_index::file_of(place)];
    const std::uint64_t offset = frame_index::offset_of(place);
    const std::size_t got = file.read_at(offset, to, part_bytes());
    if (got != part_bytes()) {
      throw io_error(fmt::format("{}: ends {} bytes into the pixels at byte {}: the file became shorter while it was read",
                                 file.path().string(), got, offset));
    }
  }

  /// Whole frames, and row sectors: each part is a contiguous band of the frame, at band(part).
  template <class Band>
  static void set_bands(std::span<const std::uint64_t> parts, frame_view& frame, Band band) {
    for (std::size_t part = 0; part < parts.size(); ++part) {
      if (parts[part] == frame_index::missing) continue;
      frame.bands[part] = band(part);
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
  bool in_place_;
};

}  // namespace

std::unique_ptr<frame_source> make_indexed_source(source_info info, std::vector<file_handle> files, frame_index index,
                                                  bool in_place) {
  return std::make_unique<indexed_source>(std::move(info), std::move(files), std::move(index), in_place);
}

void check_range(const source_info& info, std::uint64_t first, std::size_t count) {
  const std::uint64_t frames = info.scan.frames();
  if (first > frames || count > frames - first) {
    throw invalid_argument(fmt::format("frames {} to {} were asked for, the scan has {}", first, first + count, frames));
  }
}

}  // namespace countem::io
