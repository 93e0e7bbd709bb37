#include "host/cli/report/embedded_frames.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <countem/work.hpp>

#include "host/cli/report/frame_code.hpp"
#include "threads/arena.hpp"

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
  take(position, measure(position, events));
}

void frame_costs::add(const event_batch& positions, unsigned threads) {
  constexpr std::size_t positions_per_task = 32;
  measured_.resize(positions.frames());
  arena_of(threads).execute([&] {
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, positions.frames(), positions_per_task),
                      [&](const tbb::blocked_range<std::size_t>& range) {
                        for (std::size_t i = range.begin(); i < range.end(); ++i)
                          measured_[i] = measure(positions.first_frame + i, positions.events(i));
                      });
  });
  for (std::size_t i = 0; i < measured_.size(); ++i) take(positions.first_frame + i, measured_[i]);
}

bool frame_costs::is_asked_for(const candidate& one, std::uint64_t position) const {
  return one.rows.contains(static_cast<std::uint32_t>(position / scan_width_)) &&
         one.columns.contains(static_cast<std::uint32_t>(position % scan_width_)) && one.text_bytes() <= limit_bytes_;
}

frame_costs::coded_sizes frame_costs::measure(std::uint64_t position, std::span<const std::uint32_t> events) const {
  coded_sizes sizes;
  std::vector<std::uint32_t> merged;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    std::optional<std::uint64_t>& size = sizes[i % bins.size()];
    if (!size && is_asked_for(candidates_[i], position))
      size = coded_size(merge_pixels(events, shape_, candidates_[i].choice.bin, merged));
  }
  return sizes;
}

void frame_costs::take(std::uint64_t position, const coded_sizes& sizes) {
  static_assert(std::tuple_size_v<coded_sizes> == bins.size());
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    candidate& one = candidates_[i];
    const std::optional<std::uint64_t>& size = sizes[i % bins.size()];
    if (!size || !is_asked_for(one, position)) continue;
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
