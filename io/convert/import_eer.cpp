// EER: electrons that a Falcon camera counted.
#include <fmt/format.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <string>
#include <utility>

#include <countem/error.hpp>

#include "io/convert/imports.hpp"
#include "io/event_files/eer_file.hpp"
#include "io/sources/source_issues.hpp"
#include "io/sources/sources.hpp"
#include "threads/arena.hpp"

namespace countem::io {

namespace {

class eer_lists final : public list_source {
 public:
  eer_lists(const std::filesystem::path& path, const import_options& options)
      : file_(file_handle::open_read(path)), index_(index_eer(file_)) {
    require_given_frame(path, index_.shape, options);
    scan_ = scan_of_sequence(index_.frames.size(), std::nullopt, options.scan, path, issues_);
  }

  [[nodiscard]] store_description description() const override {
    store_description made = described({index_.shape.height << index_.sub_bits, index_.shape.width << index_.sub_bits}, scan_);
    made.options.upsample = 1U << index_.sub_bits;
    made.geometry = counted_geometry(index_.shape, made.options.upsample);
    if (!index_.metadata.empty()) made.provenance.emplace_back("camera_metadata", index_.metadata);
    return made;
  }

  [[nodiscard]] bool append_frame(std::uint64_t frame, std::vector<std::uint32_t>& events) override {
    if (frame >= index_.frames.size()) return false;
    if (frame < first_unpacked_ || frame - first_unpacked_ >= unpacked_.size()) unpack_from(frame);
    const unpacked_frame& there = unpacked_[static_cast<std::size_t>(frame - first_unpacked_)];
    if (!there.is_whole) {
      issues_.add("damaged_frame", file_.path(), [&] {
        return fmt::format("the packed electrons of frame {} end before its last pixel, or behind it: it is missing", frame);
      });
      return false;
    }
    events.insert(events.end(), there.events.begin(), there.events.end());
    return true;
  }

  [[nodiscard]] std::vector<source_issue> take_issues() override {
    std::vector<source_issue> all = std::move(index_.issues);
    std::ranges::move(issues_.take(), std::back_inserter(all));
    return all;
  }

 private:
  struct unpacked_frame {
    std::vector<std::byte> packed;
    std::vector<std::uint32_t> events;
    bool is_whole = false;
  };

  /// So many frames that all threads have some, in bounded memory.
  void unpack_from(std::uint64_t first) {
    constexpr std::uint64_t enough_bytes = std::uint64_t{1} << 22U;
    std::size_t count = 0;
    for (std::uint64_t bytes = 0; first + count < index_.frames.size() && count < import_block_frames && bytes < enough_bytes;
         ++count)
      bytes += packed_bytes(index_.frames[static_cast<std::size_t>(first) + count]);
    first_unpacked_ = first;
    unpacked_.resize(count);
    arena_of(0).execute([&] {
      tbb::parallel_for(std::size_t{0}, count,
                        [&](std::size_t i) { unpack(index_.frames[static_cast<std::size_t>(first) + i], unpacked_[i]); });
    });
  }

  [[nodiscard]] std::span<const eer_strip> strips_of(const eer_frame& frame) const {
    return std::span(index_.strips).subspan(frame.first_strip, frame.strips);
  }
  [[nodiscard]] std::uint64_t packed_bytes(const eer_frame& frame) const {
    std::uint64_t bytes = 0;
    for (const eer_strip& strip : strips_of(frame)) bytes += strip.bytes;
    return bytes;
  }

  void unpack(const eer_frame& frame, unpacked_frame& into) const {
    into.events.clear();
    into.packed.resize(static_cast<std::size_t>(packed_bytes(frame)));
    std::size_t at = 0;
    for (const eer_strip& strip : strips_of(frame))
      at += file_.read_at(strip.offset, into.packed.data() + at, static_cast<std::size_t>(strip.bytes));
    into.packed.resize(at);
    into.is_whole = unpack_eer(into.packed, index_.shape, {frame.run_bits, index_.sub_bits}, into.events);
  }

  file_handle file_;
  eer_index index_;
  scan_shape scan_;
  issue_list issues_;
  std::uint64_t first_unpacked_ = 0;
  std::vector<unpacked_frame> unpacked_;
};

}  // namespace

std::unique_ptr<list_source> open_eer(const std::filesystem::path& path, const import_options& options) {
  return std::make_unique<eer_lists>(path, options);
}

}  // namespace countem::io
