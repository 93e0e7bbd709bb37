#include "io/sources/flat/flat_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/files/mapped_parts.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

class flat_source final : public frame_source {
 public:
  flat_source(source_info info, file_handle file, const flat_layout& layout, std::uint64_t complete, bool cut_short,
              const source_options& options)
      : info_(std::move(info)),
        file_(std::move(file)),
        layout_(layout),
        complete_(complete),
        cut_short_(cut_short),
        in_place_(options.in_place && is_frame_type(layout.type) && !layout.big_endian && aligned()),
        keep_fractions_(options.keep_fractions) {}

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
      if (number >= complete_) {
        batch.frames.push_back(missing_frame(number));
        continue;
      }
      if (convert) {
        fetch(number, stored_frame);
        convert_frame(number, stored_frame, pixels);
      } else {
        fetch(number, pixels);
      }
      batch.frames.push_back(contiguous_frame(info_.shape, info_.type, pixels));
    }
  }

  void visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch, const visitor& use) const override {
    check_range(info_, first, count);
    mapped_parts mapped(std::span(&file_, 1));
    if (!in_place_ || !map(first, count, mapped)) return frame_source::visit(first, count, most, batch, use);
    std::vector<frame_view> frames;
    for (std::uint64_t number = first; number < first + count; ++number) {
      frames.push_back(number < complete_ ? contiguous_frame(info_.shape, info_.type, mapped.at(0, offset_of(number)))
                                          : missing_frame(number));
    }
    use(first, frames);
    mapped.check();
  }

 private:
  [[nodiscard]] std::size_t stored_bytes() const { return info_.shape.pixels() * size_of(layout_.type); }

  [[nodiscard]] std::uint64_t offset_of(std::uint64_t number) const {
    return layout_.offset_bytes + number * (stored_bytes() + layout_.gap_bytes);
  }
  /// Whether every frame's pixels are aligned in the file.
  [[nodiscard]] bool aligned() const {
    return layout_.offset_bytes % size_of(layout_.type) == 0 && layout_.gap_bytes % size_of(layout_.type) == 0;
  }

  [[nodiscard]] bool map(std::uint64_t first, std::size_t count, mapped_parts& mapped) const {
    const std::uint64_t last = std::min(first + count, complete_);
    for (std::uint64_t number = first; number < last; ++number) mapped.add(0, offset_of(number), stored_bytes());
    return mapped.map();
  }

  [[nodiscard]] frame_view missing_frame(std::uint64_t number) const {
    frame_view frame = contiguous_frame(info_.shape, info_.type, nullptr);
    frame.present = 0;
    frame.truncated = cut_short_ && number == complete_;
    return frame;
  }

  /// A frame as it is stored, in native byte order.
  void fetch(std::uint64_t number, std::byte* to) const {
    const std::uint64_t offset = offset_of(number);
    if (file_.read_at(offset, to, stored_bytes()) != stored_bytes()) {
      throw io_error(fmt::format("{}: ends within frame {} (byte {}): the file became shorter while it was read",
                                 file_.path().string(), number, offset));
    }
    if (layout_.big_endian) swap_bytes(to, info_.shape.pixels(), size_of(layout_.type));
  }

  void convert_frame(std::uint64_t number, const std::byte* stored, std::byte* pixels) const {
    if (const auto unfit = convert_pixels(layout_.type, stored, info_.shape.pixels(), pixels, keep_fractions_)) {
      throw_unfit(file_.path().string(), number, info_.shape, layout_.type, *unfit);
    }
  }

  source_info info_;
  file_handle file_;
  flat_layout layout_;
  std::uint64_t complete_;  ///< frames that lie wholly in the file
  bool cut_short_;          ///< the frame after them has begun
  bool in_place_;
  bool keep_fractions_;
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

std::unique_ptr<frame_source> open_flat(file_handle file, const input_format& format, const flat_layout& layout,
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
  } else if (left > layout.gap_bytes && !layout.more_behind) {
    issues.add("trailing_bytes", file.path(),
               [&] { return fmt::format("{} bytes follow the {} frames that the header claims; left out", left, claimed); });
  }

  source_info info = layout.known;
  info.format = format;
  info.shape = layout.shape;
  info.type = frame_type(layout.type);
  info.scan = scan_of_sequence(complete, layout.claimed, options.scan, file.path(), issues);
  info.files.push_back(file.opened());
  info.missing_frames = info.scan.frames() - std::min(info.scan.frames(), complete);
  info.issues = issues.take();
  return std::make_unique<flat_source>(std::move(info), std::move(file), layout, complete, cut_short, options);
}

}  // namespace countem::io
