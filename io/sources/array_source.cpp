#include <countem/array_frames.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <countem/error.hpp>

#include "io/sources/indexed_source.hpp"
#include "io/sources/ordered_source.hpp"
#include "io/sources/pixel_conversion.hpp"
#include "io/sources/scaled_source.hpp"
#include "io/sources/sources.hpp"

namespace countem {

namespace io {
namespace {

class array_source final : public frame_source {
 public:
  array_source(source_info info, array_frames frames, stored_type type, std::uint64_t complete, bool keep_fractions)
      : info_(std::move(info)), frames_(std::move(frames)), type_(type), complete_(complete), keep_fractions_(keep_fractions) {}

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    const std::size_t pixels = info_.shape.pixels();
    const std::size_t frame_bytes = pixels * countem::size_of(info_.type);
    const std::size_t arrived = first < complete_ ? std::min<std::uint64_t>(count, complete_ - first) : 0;
    // Pixels of other types pass through room behind the frames.
    const std::size_t stored_bytes = is_frame_type(type_) ? 0 : pixels * io::size_of(type_);
    std::byte* const storage = batch.storage(count * frame_bytes + arrived * stored_bytes);
    std::byte* const stored = stored_bytes == 0 ? storage : storage + count * frame_bytes;
    if (arrived != 0) frames_.fill(first, arrived, stored);
    batch.first_frame = first;
    batch.frames.clear();
    for (std::size_t at = 0; at < count; ++at) {
      std::byte* const to = storage + at * frame_bytes;
      if (at < arrived && stored_bytes != 0) convert(first + at, stored + at * stored_bytes, to);
      batch.frames.push_back(contiguous_frame(info_.shape, info_.type, at < arrived ? to : nullptr));
      if (at >= arrived) batch.frames.back().present = 0;
    }
  }

 private:
  void convert(std::uint64_t number, const std::byte* stored, std::byte* to) const {
    if (const auto unfit = convert_pixels(type_, stored, info_.shape.pixels(), to, keep_fractions_))
      throw_unfit(frames_.name, number, info_.shape, type_, *unfit);
  }

  source_info info_;
  array_frames frames_;
  stored_type type_;
  std::uint64_t complete_;  ///< frames that the array holds
  bool keep_fractions_;
};

stored_type type_named(std::string_view name, const std::string& array) {
  if (const auto type = stored_type_named(name)) return *type;
  throw format_error(
      fmt::format("{}: pixels of type '{}' cannot be counted: they must be whole numbers of 8 to 64 bits or "
                  "floating-point numbers of 16 to 64 bits",
                  array, name));
}

std::unique_ptr<frame_source> open_recording(array_frames frames, const source_options& options) {
  const stored_type type = type_named(frames.type, frames.name);
  const array_extent extent = extent_of_array(frames.extent, frames.name);
  const std::uint64_t complete = extent.scan.frames();
  issue_list issues;
  source_info info;
  info.format = input_format("array");
  info.shape = extent.shape;
  info.type = frame_type(type);
  // A single axis of frames claims no scan: any may be given without a word.
  const auto claimed = frames.extent.size() > 3 ? std::optional(extent.scan) : std::nullopt;
  info.scan = scan_of_sequence(complete, claimed, options.scan, frames.name, issues);
  info.files.push_back({frames.name, complete * extent.shape.pixels() * size_of(type)});
  info.missing_frames = info.scan.frames() - std::min(info.scan.frames(), complete);
  info.issues = issues.take();
  if (options.scale != 1 && !(std::isfinite(options.scale) && options.scale > 0))
    throw invalid_argument(fmt::format("the factor {} on raw values is not a finite number above 0", options.scale));
  const bool keeps = options.keep_fractions || options.scale != 1;  // 1/16 of what unit is known only behind the factor
  auto source = std::make_unique<array_source>(std::move(info), std::move(frames), type, complete, keeps);
  if (options.scale == 1) return source;
  return scaled(std::move(source), options.scale);
}

}  // namespace
}  // namespace io

std::unique_ptr<frame_source> open_array(array_frames frames, const source_options& options) {
  if (options.scan) io::check_given_scan(*options.scan);
  // An array holds as many frames as it claims: it is opened once.
  return io::along_path([&](const source_options& recorded_as) { return io::open_recording(std::move(frames), recorded_as); },
                        options);
}

}  // namespace countem
