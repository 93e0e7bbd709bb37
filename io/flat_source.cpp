#include "io/flat_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/indexed_source.hpp"
#include "io/sources.hpp"

namespace countem::io {

namespace {

class flat_source final : public frame_source {
 public:
  flat_source(source_info info, file_handle file, const flat_layout& layout, std::uint64_t complete, bool cut_short)
      : info_(std::move(info)), file_(std::move(file)), layout_(layout), complete_(complete), cut_short_(cut_short) {}

  const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.clear();
    const std::size_t frame_bytes = info_.shape.pixels() * size_of(info_.type);
    const bool convert = !is_frame_type(layout_.type);
    // Pixels of other types pass through room for one frame behind the frames.
    std::byte* const storage = batch.storage(count * frame_bytes + (convert ? stored_bytes() : 0));
    std::byte* const stored_frame = storage + count * frame_bytes;
    for (std::size_t in_batch = 0; in_batch < count; ++in_batch) {
      const std::uint64_t number = first + in_batch;
      std::byte* const pixels = storage + in_batch * frame_bytes;
      frame_view frame = contiguous_frame(info_.shape, info_.type, pixels);
      if (number >= complete_) {
        frame.bands[0] = nullptr;
        frame.present = 0;
        frame.truncated = cut_short_ && number == complete_;
      } else if (convert) {
        fetch(number, stored_frame);
        convert_frame(number, stored_frame, pixels);
      } else {
        fetch(number, pixels);
      }
      batch.frames.push_back(frame);
    }
  }

 private:
  [[nodiscard]] std::size_t stored_bytes() const { return info_.shape.pixels() * size_of(layout_.type); }

  /// A frame as it is stored, in native byte order.
  void fetch(std::uint64_t number, std::byte* to) const {
    const std::uint64_t offset = layout_.offset_bytes + number * (stored_bytes() + layout_.gap_bytes);
    if (file_.read_at(offset, to, stored_bytes()) != stored_bytes()) {
      throw io_error(fmt::format("{}: ends within frame {} (byte {}): the file became shorter while it was read",
                                 file_.path().string(), number, offset));
    }
    if (layout_.big_endian) swap_bytes(to, info_.shape.pixels(), size_of(layout_.type));
  }

  void convert_frame(std::uint64_t number, const std::byte* stored, std::byte* pixels) const {
    if (const auto unfit = convert_pixels(layout_.type, stored, info_.shape.pixels(), pixels)) {
      throw_unfit(file_.path().string(), number, info_.shape, layout_.type, *unfit);
    }
  }

  source_info info_;
  file_handle file_;
  flat_layout layout_;
  std::uint64_t complete_;  ///< frames that lie wholly in the file
  bool cut_short_;          ///< the frame after them has begun
};

void check_layout(const flat_layout& layout, const std::string& name) {
  constexpr std::uint64_t longest = std::uint64_t{1} << 48;
  check_frame_shape(layout.shape, name);
  if (layout.offset_bytes > longest || layout.gap_bytes > longest) {
    throw format_error(fmt::format("{}: an offset of {} bytes with gaps of {} bytes makes no sense", name, layout.offset_bytes,
                                   layout.gap_bytes));
  }
}

}  // namespace

std::unique_ptr<frame_source> open_flat(file_handle file, input_format format, const flat_layout& layout,
                                        const source_options& options, issue_list issues) {
  const std::string name = file.path().string();
  check_layout(layout, name);
  const std::uint64_t bytes = file.size();
  const std::uint64_t frame_bytes = layout.shape.pixels() * size_of(layout.type);
  const std::uint64_t payload = bytes - std::min(bytes, layout.offset_bytes);
  // The last frame needs no gap behind it.
  const std::uint64_t held = (payload + layout.gap_bytes) / (frame_bytes + layout.gap_bytes);
  const std::uint64_t claimed = layout.claimed ? layout.claimed->frames() : held;
  const std::uint64_t complete = std::min(held, claimed);
  if (complete == 0) {
    throw format_error(fmt::format(
        "{}: holds not one whole frame: a frame of {} x {} {} pixels after {} bytes of header needs {} bytes, the file has {}",
        name, layout.shape.height, layout.shape.width, to_string(layout.type), layout.offset_bytes,
        layout.offset_bytes + frame_bytes, bytes));
  }

  const std::uint64_t used = complete * frame_bytes + (complete - 1) * layout.gap_bytes;
  const std::uint64_t left = payload - std::min(payload, used);
  const bool cut_short = left > layout.gap_bytes && (!layout.claimed || held < claimed);
  if (cut_short) {
    issues.add("truncated_record", file.path(), [&] {
      return fmt::format("frame {} (byte {}) is cut short: {} of {} bytes; the {} complete frames before it are kept", complete,
                         layout.offset_bytes + complete * (frame_bytes + layout.gap_bytes), left - layout.gap_bytes,
                         frame_bytes, complete);
    });
  } else if (left > layout.gap_bytes && format != input_format::hdf5) {  // HDF5 keeps other things behind the frames
    issues.add("trailing_bytes", file.path(),
               [&] { return fmt::format("{} bytes follow the {} frames that the header claims; left out", left, claimed); });
  }

  source_info info;
  info.format = format;
  info.shape = layout.shape;
  info.type = frame_type(layout.type);
  info.scan = scan_of_sequence(complete, layout.claimed, options.scan, file.path(), issues);
  info.files.push_back({file.path(), bytes});
  info.missing_frames = info.scan.frames() - std::min(info.scan.frames(), complete);
  info.issues = issues.take();
  return std::make_unique<flat_source>(std::move(info), std::move(file), layout, complete, cut_short);
}

}  // namespace countem::io
