#include "io/sources/placed_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include <countem/error.hpp>

#include "io/files/mapped_parts.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

class placed_source final : public frame_source {
 public:
  placed_source(source_info info, placed_scan scan, const source_options& options)
      : info_(std::move(info)),
        scan_(std::move(scan)),
        in_place_(options.in_place && lies_as_frames()),
        keep_fractions_(options.keep_fractions) {}

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.clear();
    const std::size_t frame_bytes = info_.shape.pixels() * size_of(info_.type);
    // Frames that are packed, or of pixels of other types, pass through room behind the frames: first what the file holds.
    const bool convert = !is_frame_type(coding().type);
    const std::size_t packed_room = coding().unpack ? (coding().packed_bytes + 15) / 16 * 16 : 0;
    const std::size_t pixel_room = convert ? coding().pixel_bytes() : 0;
    const std::size_t frames_room = (count * frame_bytes + 15) / 16 * 16;
    std::byte* const storage = batch.storage(frames_room + packed_room + pixel_room);
    std::byte* const packed = storage + frames_room;
    for (std::size_t in_batch = 0; in_batch < count; ++in_batch) {
      const std::uint64_t number = first + in_batch;
      std::byte* const frame = storage + in_batch * frame_bytes;
      std::byte* const pixels = convert ? packed + packed_room : frame;
      if (const frame_run* const run = run_of(number)) {
        fetch(*run, number, coding().unpack ? packed : pixels);
        if (coding().unpack) coding().unpack(packed, pixels);
        if (convert) convert_frame(*run, number, pixels, frame);
        batch.frames.push_back(contiguous_frame(info_.shape, info_.type, frame));
      } else {
        batch.frames.push_back(missing_frame(number));
      }
    }
  }

  [[nodiscard]] frame_arrival arrival(std::uint64_t number) const override {
    return run_of(number) == nullptr ? frame_arrival::nothing : frame_arrival::whole;
  }

  void visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch, const visitor& use) const override {
    check_range(info_, first, count);
    mapped_parts mapped(scan_.files);
    if (!in_place_ || !map(first, count, mapped)) return frame_source::visit(first, count, most, batch, use);
    std::vector<frame_view> frames;
    for (std::uint64_t number = first; number < first + count; ++number) {
      const frame_run* const run = run_of(number);
      frames.push_back(run == nullptr
                           ? missing_frame(number)
                           : contiguous_frame(info_.shape, info_.type, mapped.at(run->file, run->offset_of(number))));
    }
    use(first, frames);
    mapped.check();
  }

 private:
  [[nodiscard]] const frame_coding& coding() const { return scan_.coding; }

  /// Whether a frame's bytes in the file are the frame, aligned for its pixels.
  [[nodiscard]] bool lies_as_frames() const {
    const std::size_t size = size_of(coding().type);
    const auto aligned = [size](const frame_run& run) {
      return run.offset_bytes % size == 0 && run.distance_bytes % size == 0;
    };
    return !coding().unpack && is_frame_type(coding().type) && (!coding().big_endian || size == 1) &&
           std::all_of(scan_.runs.begin(), scan_.runs.end(), aligned);
  }

  /// Null where the frame is missing.
  [[nodiscard]] const frame_run* run_of(std::uint64_t number) const {
    const auto behind = std::upper_bound(scan_.runs.begin(), scan_.runs.end(), number,
                                         [](std::uint64_t wanted, const frame_run& run) { return wanted < run.first; });
    if (behind == scan_.runs.begin()) return nullptr;
    const frame_run& run = *std::prev(behind);
    return number < run.end() ? &run : nullptr;
  }

  [[nodiscard]] bool map(std::uint64_t first, std::size_t count, mapped_parts& mapped) const {
    for (std::uint64_t number = first; number < first + count; ++number) {
      if (const frame_run* const run = run_of(number)) mapped.add(run->file, run->offset_of(number), coding().pixel_bytes());
    }
    return mapped.map();
  }

  [[nodiscard]] frame_view missing_frame(std::uint64_t number) const {
    frame_view frame = contiguous_frame(info_.shape, info_.type, nullptr);
    frame.present = 0;
    frame.truncated = std::binary_search(scan_.cut_short.begin(), scan_.cut_short.end(), number);
    return frame;
  }

  /// The bytes of a frame; pixels that need no unpacking in native byte order.
  void fetch(const frame_run& run, std::uint64_t number, std::byte* to) const {
    const file_handle& file = scan_.files[run.file];
    const std::uint64_t bytes = coding().file_bytes();
    if (file.read_at(run.offset_of(number), to, bytes) != bytes) {
      throw io_error(fmt::format("{}: ends within frame {} (byte {}): the file became shorter while it was read",
                                 file.path().string(), number, run.offset_of(number)));
    }
    if (coding().big_endian && !coding().unpack) swap_bytes(to, info_.shape.pixels(), size_of(coding().type));
  }

  void convert_frame(const frame_run& run, std::uint64_t number, const std::byte* stored, std::byte* pixels) const {
    if (const auto unfit = convert_pixels(coding().type, stored, info_.shape.pixels(), pixels, keep_fractions_))
      throw_unfit(scan_.files[run.file].path().string(), number, info_.shape, coding().type, *unfit);
  }

  source_info info_;
  placed_scan scan_;
  bool in_place_;
  bool keep_fractions_;
};

/// Frames of runs below number `end`.
std::uint64_t frames_below(const std::vector<frame_run>& runs, std::uint64_t end) {
  return std::accumulate(runs.begin(), runs.end(), std::uint64_t{0}, [&](std::uint64_t sum, const frame_run& run) {
    return sum + std::min(run.end(), std::max(run.first, end)) - run.first;
  });
}

}  // namespace

void append_frame(std::vector<frame_run>& runs, std::uint64_t number, std::size_t file, std::uint64_t offset_bytes) {
  if (!runs.empty() && runs.back().file == file && runs.back().end() == number && offset_bytes > runs.back().offset_bytes) {
    frame_run& last = runs.back();
    if (last.frames == 1) last.distance_bytes = offset_bytes - last.offset_bytes;
    if (last.offset_of(number) == offset_bytes) {
      ++last.frames;
      return;
    }
  }
  runs.push_back({number, 1, file, offset_bytes, 0});
}

std::unique_ptr<frame_source> open_placed(placed_scan scan, const source_options& options, issue_list issues) {
  const std::filesystem::path& first_file = scan.files.front().path();
  const std::uint64_t end = scan.runs.empty() ? 0 : scan.runs.back().end();
  const std::uint64_t found = frames_below(scan.runs, end);
  if (!scan.claimed && !options.scan && end > found)  // a number may be anything
    check_claimed_scan({1, static_cast<std::uint32_t>(std::min<std::uint64_t>(end, 0xffff'ffff)), 1}, found, first_file);
  source_info info = std::move(scan.known);
  info.format = scan.format;
  info.shape = scan.coding.shape;
  info.type = frame_type(scan.coding.type);
  info.scan = scan_of_sequence(end, scan.claimed, options.scan, first_file, issues);
  if (!info.stated_scan) info.stated_scan = scan.claimed;
  place_stated_scan(info, first_file, issues);
  const std::uint64_t within = std::min(end, info.scan.frames());
  const std::uint64_t arrived = frames_below(scan.runs, info.scan.frames());
  issues.add(
      "missing_frame", first_file,
      [&] { return fmt::format("of the frames before the last one found, {} are in none of the files", within - arrived); },
      within - arrived);
  for (const file_handle& file : scan.files) info.files.push_back(file.opened());
  info.missing_frames = info.scan.frames() - arrived;
  info.issues = issues.take();
  return std::make_unique<placed_source>(std::move(info), std::move(scan), options);
}

}  // namespace countem::io
