#include "io/sources/scattered_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

constexpr std::size_t most_kept = 256;     // blocks
constexpr std::uint64_t near_frames = 64;  // frames that are asked for so soon behind others are read one after another

/// Frames that are put together at once, as a box of the array. In elements.
struct frame_block {
  std::uint64_t first = 0;  ///< frame
  std::uint64_t frames = 0;
  std::vector<std::uint64_t> start;   ///< by axis of the file
  std::vector<std::uint64_t> length;  ///< by axis of the file
  std::vector<std::uint64_t> step;    ///< by axis of the file, between neighbours in the block
};

/// The array as blocks of consecutive frames: parts of one axis of the scan, with all of the faster ones.
class block_division {
 public:
  block_division(const scattered_layout& layout, std::uint64_t most_frames) : layout_(layout), most_frames_(most_frames) {
    while (slower_ > 0 && faster_frames_ * length_of(slower_ - 1) <= most_frames) faster_frames_ *= length_of(--slower_);
    if (slower_ > 0) steps_ = most_frames / faster_frames_;
  }

  [[nodiscard]] std::uint64_t most_frames() const { return most_frames_; }  ///< in a block

  /// The block with this frame.
  [[nodiscard]] frame_block around(std::uint64_t frame) const {
    const std::vector<std::size_t>& scan = layout_.axes.scan;
    frame_block block{.start = std::vector<std::uint64_t>(layout_.extent.size()), .length = layout_.extent, .step = {}};
    std::uint64_t left = frame / faster_frames_;
    for (std::size_t axis = slower_; axis-- > 0; left /= length_of(axis)) {
      block.start[scan[axis]] = left % length_of(axis);
      block.length[scan[axis]] = 1;
    }
    block.frames = faster_frames_;
    block.first = frame / faster_frames_ * faster_frames_;
    if (slower_ > 0) {
      std::uint64_t& start = block.start[scan[slower_ - 1]];
      std::uint64_t& length = block.length[scan[slower_ - 1]];
      block.first -= start % steps_ * faster_frames_;
      start -= start % steps_;
      length = std::min(steps_, length_of(slower_ - 1) - start);
      block.frames *= length;
    }
    block.step.resize(layout_.extent.size());
    std::uint64_t step = 1;
    const std::vector<std::size_t> usual = layout_.axes.usual();
    for (auto axis = usual.rbegin(); axis != usual.rend(); step *= block.length[*axis++]) block.step[*axis] = step;
    return block;
  }

 private:
  [[nodiscard]] std::uint64_t length_of(std::size_t scan_axis) const { return layout_.extent[layout_.axes.scan[scan_axis]]; }

  const scattered_layout& layout_;
  std::uint64_t most_frames_;
  std::size_t slower_ = layout_.axes.scan.size();  ///< axes of the scan that are not whole in a block
  std::uint64_t faster_frames_ = 1;                ///< along those that are
  std::uint64_t steps_ = 1;                        ///< of a block along the fastest of the slower ones
};

/// How a block is read: pieces of the file, each with all of the axes behind one and as much as `most` of that one; what lies
/// between is read along where that is faster than another call. Neighbouring columns of the frames that lie far apart are read
/// together, a piece each, so that whole lines of the processor's cache are written. In elements.
struct block_reads {
  std::size_t axis = 0;
  std::uint64_t most = 1;     ///< along `axis`
  std::uint64_t span = 1;     ///< from the first to the last element of a step along `axis`
  std::uint64_t columns = 1;  ///< pieces that are read together

  block_reads(const frame_block& block, const std::vector<std::uint64_t>& file_step, std::size_t column,
              std::size_t element_bytes) {
    constexpr std::uint64_t bytes_per_call = 4096;  // are read from memory in the time of a call
    constexpr std::uint64_t line_bytes = 64;
    const bool apart = file_step[column] * element_bytes >= bytes_per_call;
    if (apart) columns = std::min(block.length[column], line_bytes / element_bytes);
    const std::uint64_t large_read = (std::uint64_t{1} << 20) / columns;  // all remain in the cache until they are copied
    const std::uint64_t small_read = std::min(std::uint64_t{1} << 16, large_read);
    std::uint64_t runs = 1;  // of elements that are wanted, in a step along `axis`
    for (axis = file_step.size() - 1;; --axis) {
      if (apart && axis == column) return;
      const std::uint64_t step = file_step[axis];
      const bool joined = step == span && runs == 1;
      const auto steps_within = [&](std::uint64_t bytes) {
        const std::uint64_t room = bytes / element_bytes;
        return std::min(block.length[axis], room < span ? 1 : (room - span) / step + 1);
      };
      most = steps_within(large_read);
      const std::uint64_t bytes = ((most - 1) * step + span) * element_bytes;
      if (!joined && bytes > bytes_per_call * runs * most) most = steps_within(small_read);
      if (most < block.length[axis] || axis == 0) return;
      span += (most - 1) * step;
      if (!joined) runs *= most;
      most = 1;
    }
  }
};

class scattered_source final : public frame_source {
 public:
  scattered_source(source_info info, file_handle file, scattered_layout layout, bool keep_fractions)
      : info_(std::move(info)),
        file_(std::move(file)),
        layout_(std::move(layout)),
        stored_frames_(layout_.flat.claimed->frames()),
        large_blocks_(layout_, std::max<std::uint64_t>(layout_.block_bytes / stored_frame_bytes(), 1)),
        file_step_(steps_of(layout_.extent)),
        keep_fractions_(keep_fractions) {}

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.clear();
    const std::size_t frame_bytes = info_.shape.pixels() * size_of(info_.type);
    std::byte* const storage = batch.storage(count * frame_bytes);
    std::shared_ptr<const block> held;
    for (std::size_t in_batch = 0; in_batch < count; ++in_batch) {
      const std::uint64_t number = first + in_batch;
      std::byte* const pixels = storage + in_batch * frame_bytes;
      if (number < stored_frames_) {
        if (!held || !holds(*held, number)) held = block_of(number, std::min(first + count, stored_frames_) - number);
        const std::byte* const stored = held->bytes.get() + (number - held->first) * stored_frame_bytes();
        if (const auto unfit = convert_pixels(layout_.flat.type, stored, info_.shape.pixels(), pixels, keep_fractions_))
          throw_unfit(file_.path().string(), number, info_.shape, layout_.flat.type, *unfit);
      }
      batch.frames.push_back(contiguous_frame(info_.shape, info_.type, number < stored_frames_ ? pixels : nullptr));
      if (number >= stored_frames_) batch.frames.back().present = 0;
    }
  }

  [[nodiscard]] frame_arrival arrival(std::uint64_t number) const override {
    return number < stored_frames_ ? frame_arrival::whole : frame_arrival::nothing;
  }

 private:
  struct block {
    std::uint64_t first = 0;
    std::uint64_t frames = 0;
    std::unique_ptr<std::byte[]> bytes;
  };

  [[nodiscard]] static bool holds(const block& some, std::uint64_t frame) {
    return frame >= some.first && frame - some.first < some.frames;
  }

  [[nodiscard]] std::uint64_t stored_frame_bytes() const { return layout_.flat.shape.pixels() * size_of(layout_.flat.type); }

  /// A block with this frame, of which those behind it are wanted, too. Where frames are read one after another, one thread
  /// makes a large block and others wait, since it is what they need; of frames here and there only what is wanted is put
  /// together.
  [[nodiscard]] std::shared_ptr<const block> block_of(std::uint64_t number, std::uint64_t wanted) const {
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& held : kept_) {
        if (holds(*held, number)) return held;
      }
      const std::uint64_t before = std::exchange(last_missed_, number);
      const frame_block large = large_blocks_.around(number);
      const std::uint64_t away = number > before ? number - before : before - number;  // lines may run backwards
      if (number == large.first || away <= near_frames) {
        make_room(large.frames);
        return kept_.emplace_front(gathered(large));
      }
    }
    const frame_block small = block_division(layout_, wanted).around(number);
    const std::shared_ptr<const block> made = gathered(small);
    const std::scoped_lock lock(mutex_);
    make_room(small.frames);
    return kept_.emplace_front(made);
  }

  /// For so many frames: the oldest blocks go. Callers hold the lock.
  void make_room(std::uint64_t frames) const {
    const auto held = [&] {
      std::uint64_t all = frames;
      for (const auto& some : kept_) all += some->frames;
      return all;
    };
    while (!kept_.empty() && (kept_.size() >= most_kept || held() > 2 * large_blocks_.most_frames())) kept_.pop_back();
  }

  [[nodiscard]] std::shared_ptr<const block> gathered(const frame_block& box) const {
    const std::size_t size = size_of(layout_.flat.type);
    auto made = std::make_shared<block>();
    made->first = box.first;
    made->frames = box.frames;
    made->bytes = std::make_unique_for_overwrite<std::byte[]>(box.frames * stored_frame_bytes());
    const std::size_t column = layout_.axes.column;
    const block_reads reads(box, file_step_, column, size);
    std::vector<std::uint64_t> advance(reads.axis + 1, 1);
    advance[reads.axis] = reads.most;
    if (reads.columns > 1) advance[column] = reads.columns;
    const std::uint64_t piece = (reads.most - 1) * file_step_[reads.axis] + reads.span;
    const std::uint64_t padded = (piece * size / 64 + 2) * 64 / size;  // pieces at powers of two would drive each other out
    std::vector<std::byte> values(padded * reads.columns * size);
    std::vector<std::uint64_t> at(reads.axis + 1);  // in the box, of what is read next
    for (bool more = true; more;) {
      check_stop();
      std::vector<copied_axis> copied;
      std::uint64_t from = 0;
      std::uint64_t to = 0;
      for (std::size_t axis = 0; axis < file_step_.size(); ++axis) {
        const std::uint64_t index = axis < at.size() ? at[axis] : 0;
        from += (box.start[axis] + index) * file_step_[axis];
        to += index * box.step[axis];
        const std::uint64_t length = axis < at.size() ? std::min(advance[axis], box.length[axis] - index) : box.length[axis];
        copied.push_back({length, reads.columns > 1 && axis == column ? padded : file_step_[axis], box.step[axis]});
      }
      const std::uint64_t pieces = reads.columns > 1 ? copied[column].length : 1;
      const std::uint64_t steps = reads.axis == column && reads.columns > 1 ? 1 : copied[reads.axis].length;
      const std::uint64_t bytes = ((steps - 1) * file_step_[reads.axis] + reads.span) * size;
      for (std::uint64_t number = 0; number < pieces; ++number) {
        fetch(layout_.flat.offset_bytes + (from + number * file_step_[column]) * size, bytes,
              values.data() + number * padded * size);
      }
      std::ranges::stable_sort(copied, std::greater{}, &copied_axis::to_step);
      copy_elements(copied, size, values.data(), made->bytes.get() + to * size);
      more = false;
      for (std::size_t axis = at.size(); axis-- > 0 && !more;) {
        at[axis] += advance[axis];
        more = at[axis] < box.length[axis];
        if (!more) at[axis] = 0;
      }
    }
    if (layout_.flat.big_endian) swap_bytes(made->bytes.get(), box.frames * layout_.flat.shape.pixels(), size);
    return made;
  }

  void fetch(std::uint64_t offset, std::uint64_t bytes, std::byte* to) const {
    if (file_.read_at(offset, to, bytes) == bytes) return;
    throw io_error(fmt::format("{}: ends within the {} bytes at byte {}: the file became shorter while it was read",
                               file_.path().string(), bytes, offset));
  }

  source_info info_;
  file_handle file_;
  scattered_layout layout_;
  std::uint64_t stored_frames_;
  block_division large_blocks_;
  std::vector<std::uint64_t> file_step_;  ///< by axis of the file, in elements
  bool keep_fractions_;
  mutable std::mutex mutex_;
  mutable std::uint64_t last_missed_ = 0;
  mutable std::deque<std::shared_ptr<const block>> kept_;  ///< the newest first
};

}  // namespace

std::unique_ptr<frame_source> open_scattered(file_handle file, const input_format& format, const scattered_layout& layout,
                                             const source_options& options, issue_list issues) {
  const flat_layout& flat = layout.flat;
  const std::string name = file.path().string();
  check_frame_shape(flat.shape, name);
  const std::uint64_t frames = flat.claimed->frames();
  const std::uint64_t pixels = flat.shape.pixels();
  const std::uint64_t bytes = file.size();
  const std::uint64_t room = bytes - std::min(bytes, flat.offset_bytes);
  if (frames == 0 || room / size_of(flat.type) / frames < pixels) {
    throw format_error(fmt::format(
        "{}: is truncated: {} frames of {} x {} {} pixels, which lie apart from byte {} on, do not fit into its {} bytes", name,
        frames, flat.shape.height, flat.shape.width, to_string(flat.type), flat.offset_bytes, bytes));
  }
  const std::uint64_t left = room - frames * pixels * size_of(flat.type);
  if (left > 0 && !flat.more_behind) {
    issues.add("trailing_bytes", file.path(),
               [&] { return fmt::format("{} bytes follow the {} frames that the header claims; left out", left, frames); });
  }
  source_info info = flat.known;
  info.format = format;
  info.shape = flat.shape;
  info.type = frame_type(flat.type);
  info.scan = scan_of_sequence(frames, flat.claimed, options.scan, file.path(), issues);
  info.stated_scan = flat.claimed;
  place_stated_scan(info, file.path(), issues);
  info.files.push_back(file.opened());
  info.missing_frames = info.scan.frames() - std::min(info.scan.frames(), frames);
  info.issues = issues.take();
  return std::make_unique<scattered_source>(std::move(info), std::move(file), layout, options.keep_fractions);
}

}  // namespace countem::io
