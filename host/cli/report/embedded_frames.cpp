#include "host/cli/report/embedded_frames.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <countem/work.hpp>

#include "host/cli/report/frame_code.hpp"

namespace countem::cli::report {

namespace {

/// Positions a side that share one frame, in order of preference; and pixels a side that are merged.
constexpr std::array strides{1U, 2U, 3U, 4U, 6U, 8U, 12U, 16U, 24U, 32U, 48U, 64U, 96U, 128U, 256U, 512U};
constexpr std::array bins{1U, 2U, 4U};

/// The events on a grid of coarser pixels, in ascending order.
std::span<const std::uint32_t> merge_pixels(std::span<const std::uint32_t> events, frame_shape shape, std::uint32_t bin,
                                            std::vector<std::uint32_t>& into) {
  if (bin == 1) return events;
  const std::uint32_t width = binned(shape, bin).width;
  into.clear();
  for (const std::uint32_t event : events) into.push_back(event / shape.width / bin * width + event % shape.width / bin);
  std::sort(into.begin(), into.end());
  return into;
}

}  // namespace

void position_walk::add(const event_batch& events) {
  for (std::size_t i = 0; i < events.frames(); ++i) {
    const std::uint64_t frame = events.first_frame + i;
    if (repeats_ == 1) {
      visit_(frame, events.events(i));
      continue;
    }
    gathered_.insert(gathered_.end(), events.events(i).begin(), events.events(i).end());
    if (frame % repeats_ != repeats_ - 1) continue;
    std::sort(gathered_.begin(), gathered_.end());
    visit_(frame / repeats_, gathered_);
    gathered_.clear();
  }
}

kept_lines keep(std::uint32_t lines, std::uint32_t stride) {
  if (lines == 0) return {0, 0, stride};
  const std::uint32_t first = std::min(stride / 2, (lines - 1) / 2);
  return {first, (lines - first + stride - 1) / stride, stride};
}

std::uint64_t frame_costs::candidate::text_bytes() const {
  return base64_size(frame_bytes) + base64_size(length_bytes);
}

frame_costs::frame_costs(frame_shape shape, const scan_shape& scan, frame_choice finest, std::uint64_t limit_bytes)
    : shape_(shape), scan_width_(scan.width), limit_bytes_(limit_bytes) {
  for (const std::uint32_t stride : strides) {
    for (const std::uint32_t bin : bins) {
      const frame_choice choice{finest.stride * stride, finest.bin * bin};
      candidates_.push_back({choice, keep(scan.height, choice.stride), keep(scan.width, choice.stride)});
    }
  }
}

void frame_costs::add(std::uint64_t position, std::span<const std::uint32_t> events) {
  const auto row = static_cast<std::uint32_t>(position / scan_width_);
  const auto column = static_cast<std::uint32_t>(position % scan_width_);
  std::array<std::optional<std::uint64_t>, bins.size()> sizes;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    candidate& one = candidates_[i];
    if (!one.rows.contains(row) || !one.columns.contains(column) || one.text_bytes() > limit_bytes_) continue;
    std::optional<std::uint64_t>& size = sizes[i % bins.size()];
    if (!size) size = coded_size(merge_pixels(events, shape_, one.choice.bin, binned_));
    one.frame_bytes += *size;
    one.length_bytes += varint_size(*size);
  }
}

std::optional<frame_choice> frame_costs::choose(std::uint64_t limit_bytes) const {
  const auto fits = [&](const candidate& one) { return one.text_bytes() <= std::min(limit_bytes, limit_bytes_); };
  const auto found = std::find_if(candidates_.begin(), candidates_.end(), fits);
  if (found == candidates_.end()) return std::nullopt;
  return found->choice;
}

embedded_frames embed_frames(const event_store& store, const frame_choice& choice, const reading_options& reading) {
  const store_description& described = store.description();
  embedded_frames embedded;
  embedded.choice = choice;
  embedded.rows = keep(described.scan.height, choice.stride);
  embedded.columns = keep(described.scan.width, choice.stride);
  embedded.shape = binned(described.shape, choice.bin);
  std::vector<std::uint32_t> merged;
  position_walk walk({1, described.scan.width, described.scan.frames_per_position},
                     [&](std::uint64_t column, std::span<const std::uint32_t> events) {
                       if (!embedded.columns.contains(static_cast<std::uint32_t>(column))) return;
                       const std::size_t before = embedded.frames.size();
                       append_frame(embedded.frames, merge_pixels(events, described.shape, choice.bin, merged));
                       append_varint(embedded.lengths, embedded.frames.size() - before);
                     });
  work embedding("embedding", "rows", embedded.rows.count);
  for (std::uint32_t i = 0; i < embedded.rows.count; ++i) {
    const scan_window row{embedded.rows.first + i * choice.stride, 0, 1, described.scan.width};
    for_batches(store, row, reading, [&](const event_batch& events) { walk.add(events); });
    embedding.advance();
  }
  return embedded;
}

}  // namespace countem::cli::report
