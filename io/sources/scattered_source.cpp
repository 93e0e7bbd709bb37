#include "io/sources/scattered_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

constexpr std::uint64_t block_bytes_at_most = std::uint64_t{64} << 20;
constexpr std::uint64_t small_plane_bytes = std::uint64_t{1} << 16;
constexpr std::uint64_t read_bytes_at_most = std::uint64_t{1} << 20;

class scattered_source final : public frame_source {
 public:
  scattered_source(source_info info, file_handle file, const flat_layout& layout, bool keep_fractions)
      : info_(std::move(info)),
        file_(std::move(file)),
        layout_(layout),
        stored_frames_(layout.claimed->frames()),
        block_frames_(std::clamp<std::uint64_t>(block_bytes_at_most / stored_frame_bytes(), 1, stored_frames_)),
        keep_fractions_(keep_fractions) {}

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.clear();
    const std::size_t frame_bytes = info_.shape.pixels() * size_of(info_.type);
    std::byte* const storage = batch.storage(count * frame_bytes);
    for (std::size_t in_batch = 0; in_batch < count; ++in_batch) {
      const std::uint64_t number = first + in_batch;
      std::byte* const pixels = storage + in_batch * frame_bytes;
      if (number < stored_frames_) {
        const std::shared_ptr<const block> held = block_of(number);
        const std::byte* const stored = held->bytes.data() + (number - held->first) * stored_frame_bytes();
        if (const auto unfit = convert_pixels(layout_.type, stored, info_.shape.pixels(), pixels, keep_fractions_))
          throw_unfit(file_.path().string(), number, info_.shape, layout_.type, *unfit);
      }
      batch.frames.push_back(contiguous_frame(info_.shape, info_.type, number < stored_frames_ ? pixels : nullptr));
      if (number >= stored_frames_) batch.frames.back().present = 0;
    }
  }

 private:
  struct block {
    std::uint64_t first = 0;
    std::vector<std::byte> bytes;
  };

  [[nodiscard]] std::uint64_t stored_frame_bytes() const { return layout_.shape.pixels() * size_of(layout_.type); }

  /// The block with this frame. One thread makes it, others wait: it is what they need.
  [[nodiscard]] std::shared_ptr<const block> block_of(std::uint64_t number) const {
    const std::uint64_t first = number / block_frames_ * block_frames_;
    const std::scoped_lock lock(mutex_);
    for (const auto& held : kept_) {
      if (held && held->first == first) return held;
    }
    kept_[1] = nullptr;  // before there is a third
    std::swap(kept_[0], kept_[1]);
    kept_[0] = gathered(first);
    return kept_[0];
  }

  [[nodiscard]] std::shared_ptr<const block> gathered(std::uint64_t first) const {
    const std::size_t size = size_of(layout_.type);
    const std::uint64_t frames = std::min(block_frames_, stored_frames_ - first);
    auto made = std::make_shared<block>();
    made->first = first;
    made->bytes.resize(frames * stored_frame_bytes());
    // Small planes are read whole, many at a time; of large ones only what the block needs.
    const std::uint64_t plane_bytes = stored_frames_ * size;
    const bool whole = plane_bytes <= small_plane_bytes;
    const std::uint64_t planes = whole ? read_bytes_at_most / plane_bytes : 1;
    const std::uint64_t skipped = whole ? 0 : first * size;  // in the plane, before what is read
    const std::uint64_t part_bytes = whole ? plane_bytes : frames * size;
    std::vector<std::byte> values(planes * part_bytes);
    for (std::uint64_t pixel = 0; pixel < layout_.shape.pixels(); pixel += planes) {
      if (pixel % 1024 < planes) check_stop();
      const std::uint64_t count = std::min(planes, layout_.shape.pixels() - pixel);
      fetch(layout_.offset_bytes + pixel * plane_bytes + skipped, count * part_bytes, values.data());
      for (std::uint64_t plane = 0; plane < count; ++plane) {
        std::byte* const part = values.data() + plane * part_bytes + (whole ? first * size : 0);
        if (layout_.big_endian) swap_bytes(part, frames, size);
        for (std::uint64_t frame = 0; frame < frames; ++frame)
          std::memcpy(made->bytes.data() + (frame * layout_.shape.pixels() + pixel + plane) * size, part + frame * size, size);
      }
    }
    return made;
  }

  void fetch(std::uint64_t offset, std::uint64_t bytes, std::byte* to) const {
    if (file_.read_at(offset, to, bytes) == bytes) return;
    throw io_error(fmt::format("{}: ends within the {} bytes at byte {}: the file became shorter while it was read",
                               file_.path().string(), bytes, offset));
  }

  source_info info_;
  file_handle file_;
  flat_layout layout_;
  std::uint64_t stored_frames_;
  std::uint64_t block_frames_;
  bool keep_fractions_;
  mutable std::mutex mutex_;
  mutable std::array<std::shared_ptr<const block>, 2> kept_;  ///< the newest first
};

}  // namespace

std::unique_ptr<frame_source> open_scattered(file_handle file, const input_format& format, const flat_layout& layout,
                                             const source_options& options, issue_list issues) {
  const std::string name = file.path().string();
  check_frame_shape(layout.shape, name);
  const std::uint64_t frames = layout.claimed->frames();
  const std::uint64_t pixels = layout.shape.pixels();
  const std::uint64_t bytes = file.size();
  const std::uint64_t room = bytes - std::min(bytes, layout.offset_bytes);
  if (frames == 0 || room / size_of(layout.type) / frames < pixels) {
    throw format_error(fmt::format(
        "{}: is truncated: {} frames of {} x {} {} pixels, which lie apart from byte {} on, do not fit into its {} bytes", name,
        frames, layout.shape.height, layout.shape.width, to_string(layout.type), layout.offset_bytes, bytes));
  }
  source_info info = layout.known;
  info.format = format;
  info.shape = layout.shape;
  info.type = frame_type(layout.type);
  info.scan = scan_of_sequence(frames, layout.claimed, options.scan, file.path(), issues);
  info.files.push_back(file.opened());
  info.missing_frames = info.scan.frames() - std::min(info.scan.frames(), frames);
  info.issues = issues.take();
  return std::make_unique<scattered_source>(std::move(info), std::move(file), layout, options.keep_fractions);
}

}  // namespace countem::io
