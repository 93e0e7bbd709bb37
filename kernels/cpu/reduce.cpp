// The reductions with threads: frames are shared out where a result belongs to a frame, pixels where it belongs to a pixel, so
// that no two threads ever write the same element and results do not depend on their number.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <vector>

#include <countem/reductions.hpp>

#include "kernels/cpu/byte_counters.hpp"
#include "kernels/cpu/frame_binner.hpp"
#include "kernels/cpu/reduce_simd.hpp"
#include "kernels/cpu/ring_histograms.hpp"
#include "kernels/cpu/second_moments.hpp"
#include "threads/arena.hpp"

namespace countem::cpu {

namespace {

/// One 64-bit word of eight byte counters, one for each detector of a group: spread[byte] has 1 in byte d where bit d is set.
constexpr std::array<std::uint64_t, 256> spread_bits() {
  std::array<std::uint64_t, 256> spread{};
  for (std::size_t byte = 0; byte < spread.size(); ++byte) {
    for (std::size_t bit = 0; bit < 8; ++bit) spread[byte] |= std::uint64_t{(byte >> bit) & 1U} << (8 * bit);
  }
  return spread;
}
constexpr std::array<std::uint64_t, 256> spread = spread_bits();

/// How many of the events lie in each detector of a group.
std::array<std::uint32_t, detector_masks::per_group> count_group(frame_events events, const std::vector<std::uint8_t>& group) {
  std::array<std::uint32_t, detector_masks::per_group> inside{};
  while (!events.empty()) {
    const frame_events piece = events.first(std::min<std::size_t>(255, events.size()));  // no byte counter overflows
    std::uint64_t counters = 0;
    for (const std::uint32_t index : piece) counters += spread[group[index]];
    for (std::size_t d = 0; d < inside.size(); ++d) inside[d] += static_cast<std::uint32_t>((counters >> (8 * d)) & 0xff);
    events = events.subspan(piece.size());
  }
  return inside;
}

/// The events in [first, end).
frame_events between(frame_events events, std::uint64_t first, std::uint64_t end) {
  const auto begin = std::lower_bound(events.begin(), events.end(), first);
  return {begin, std::lower_bound(begin, events.end(), end)};
}

/// The events that may lie in those rows. Indices ascend, so rows are one piece of a frame; but to find its ends costs a few
/// reads from memory one after another, during which many hundred events can be processed instead.
frame_events in_rows(frame_events events, frame_shape shape, const row_range& rows) {
  constexpr std::size_t worth_a_search = 2000;
  const std::uint64_t other_rows = shape.height - (rows.end - rows.first);
  if (events.size() * other_rows < worth_a_search * shape.height) return events;
  return between(events, std::uint64_t{rows.first} * shape.width, std::uint64_t{rows.end} * shape.width);
}

/// All that the process may use.
int most_threads() {
  using oneapi::tbb::global_control;
  return static_cast<int>(global_control::active_value(global_control::max_allowed_parallelism));
}

/// Whether each frame's events lie in memory.
bool is_laid_out(const event_view& events) {
  return !events.indptr.empty() && std::ranges::is_sorted(events.indptr) && events.indptr.back() <= events.indices.size();
}

class cpu_reducer final : public event_reducer {
 public:
  explicit cpu_reducer(unsigned threads)
      : threads_(threads != 0 ? static_cast<int>(threads) : most_threads()), arena_(arena_of(threads)) {}

 private:
  /// Calls work(first, last) for pieces of [0, frames) that hold about equally many events.
  template <class Work>
  void for_frames(Work work) {
    const std::size_t frames = events().frames();
    if (threads_ == 1 || frames < 2) return work(std::size_t{0}, frames);
    arena_.execute([&] {
      oneapi::tbb::parallel_for(
          oneapi::tbb::blocked_range<std::size_t>(0, frames, 1 + frames / (16U * static_cast<unsigned>(threads_))),
          [&](const auto& range) { work(range.begin(), range.end()); });
    });
  }

  /// Calls work(first, last) for strips of pixels [first, last), one a thread.
  template <class Work>
  void for_pixel_strips(Work work) {
    const std::uint64_t pixels = events().shape.pixels();
    if (threads_ == 1) return work(std::uint64_t{0}, pixels);
    const auto strips = static_cast<std::uint64_t>(threads_);
    arena_.execute([&] {
      oneapi::tbb::parallel_for(std::uint64_t{0}, strips,
                                [&](std::uint64_t strip) { work(pixels * strip / strips, pixels * (strip + 1) / strips); });
    });
  }

  /// Calls work(piece of a frame's events) for each frame; each thread sees a strip of pixels of its own.
  template <class Work>
  void for_events_of_strips(Work work) {
    for_pixel_strips([&](std::uint64_t first, std::uint64_t last) {
      for (std::size_t f = 0; f < events().frames(); ++f) work(between(events().events(f), first, last));
    });
  }

  static constexpr std::uint64_t band_pixels = 8192;  ///< and so bytes: a first-level cache holds them and the events besides

  /// Adds the events of the pixels [first, last).
  void add_strip(byte_counters& counters, std::uint64_t first, std::uint64_t last) {
    constexpr std::uint64_t worth_it = 64;  // events of a frame in a band, or finding its end costs more than it saves
    if (events().event_count() / events().frames() * band_pixels >= worth_it * events().shape.pixels()) {
      add_by_bands(counters, first, last);
    } else if (last - first == events().shape.pixels()) {
      counters.add(events().events(), last);
    } else {
      for (std::size_t f = 0; f < events().frames(); ++f) counters.add(between(events().events(f), first, last), last);
    }
  }

  /// The same, many frames at once band by band, so that a band's bytes are still in the first-level cache for the next frame.
  void add_by_bands(byte_counters& counters, std::uint64_t first, std::uint64_t last) {
    constexpr std::size_t together = 64;  // frames: of 1 %, their events fit the second-level cache
    std::array<frame_events, together> rest;
    for (std::size_t group = 0; group < events().frames(); group += together) {
      const std::size_t members = std::min(together, events().frames() - group);
      for (std::size_t f = 0; f < members; ++f) rest[f] = between(events().events(group + f), first, last);
      for (std::uint64_t end = first; end < last;) {
        end = std::min(last, end + band_pixels);
        for (std::size_t f = 0; f < members; ++f) {
          __builtin_prefetch(rest[std::min(f + 2, members - 1)].data());
          rest[f] = counters.add(rest[f], end);
        }
      }
    }
  }

  /// On all threads; what is wrong is found again in order.
  void do_validate(const event_view& events) override {
    const std::size_t frames = events.frames();
    constexpr std::size_t worth_threads = std::size_t{1} << 16U;  // events
    if (threads_ == 1 || events.indices.size() < worth_threads || !is_laid_out(events)) return validate(events);
    std::atomic<bool> valid = events.shape.pixels() <= max_pixels;
    arena_.execute([&] {
      oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<std::size_t>(0, frames, 32), [&](const auto& range) {
        if (!are_frames_valid(events, range.begin(), range.end())) valid = false;
      });
    });
    if (!valid) validate(events);
  }

  void do_counts(std::span<std::uint32_t> out) override {
    for (std::size_t f = 0; f < out.size(); ++f)
      out[f] = static_cast<std::uint32_t>(events().indptr[f + 1] - events().indptr[f]);
  }

  void do_add_sum(std::span<std::uint64_t> image) override {
    // The walk over the image at the end is not worth it for few events.
    if (events().event_count() <= image.size() / 4) {
      for_events_of_strips([&](frame_events piece) {
        for (const std::uint32_t index : piece) ++image[index];
      });
      return;
    }
    byte_counters counters(image);
    for_pixel_strips([&](std::uint64_t first, std::uint64_t last) {
      add_strip(counters, first, last);
      counters.finish(first, last);
    });
  }

  void do_raise_maximum(std::span<std::uint32_t> image) override {
    for_events_of_strips([&](frame_events piece) {
      std::uint32_t repeats = 0;
      for (std::size_t i = 0; i < piece.size(); ++i) {
        repeats = i != 0 && piece[i] == piece[i - 1] ? repeats + 1 : 1;
        image[piece[i]] = std::max(image[piece[i]], repeats);
      }
    });
  }

  void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) override {
    const std::size_t frames = events().frames();
    const bool lanes = fits_lanes(events().shape);
    for_frames([&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        const frame_events frame = events().events(f);
        for (std::size_t g = 0; g < masks.groups.size(); ++g) {
          std::array<std::uint32_t, detector_masks::per_group> inside{};
          bool looked_up = false;  // one look serves all detectors of the group that arithmetic does not
          for (std::size_t d = g * detector_masks::per_group;
               d < std::min(masks.detectors, (g + 1) * detector_masks::per_group); ++d) {
            if (masks.arithmetic[d] && lanes) {
              out[d * frames + f] =
                  count_inside(in_rows(frame, events().shape, masks.rows[d]), events().shape, *masks.arithmetic[d]);
              continue;
            }
            if (!looked_up) inside = count_group(frame, masks.groups[g]);
            looked_up = true;
            out[d * frames + f] = inside[d % detector_masks::per_group];
          }
        }
      }
    });
  }

  void do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) override {
    for_frames([&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        std::int64_t sum = 0;
        for (const std::uint32_t index : events().events(f)) sum += weights.weights[index];
        out[f] = sum;
      }
    });
  }

  void do_moments(std::span<event_moments> out) override {
    const frame_shape shape = events().shape;
    const bool lanes = fits_lanes(shape);
    for_frames([&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        const frame_events frame = events().events(f);
        if (lanes) {
          out[f] = frame_moments(frame, shape);
          continue;
        }
        out[f] = {frame.size(), 0, 0};
        for (const std::uint32_t index : frame) {
          out[f].row_sum += index / shape.width;
          out[f].column_sum += index % shape.width;
        }
      }
    });
  }

  void do_second_moments(const detector_masks* within, std::span<event_second_moments> out) override {
    for_frames([&](std::size_t first, std::size_t last) {
      std::vector<std::uint32_t> scratch;
      for (std::size_t f = first; f < last; ++f) {
        frame_events frame = events().events(f);
        if (within != nullptr)
          frame = keep_inside(in_rows(frame, events().shape, within->rows.front()), within->groups.front(), scratch);
        out[f] = frame_second_moments(frame, events().shape);
      }
    });
  }

  void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) override {
    const std::optional<ring_arithmetic> arithmetic = arithmetic_of(rings);
    for_frames([&](std::size_t first, std::size_t last) {
      ring_histograms histograms(rings, arithmetic);
      const auto of = [&](std::size_t f) { return out.subspan(f * rings.rings, rings.rings); };
      std::size_t f = first;
      for (; f + 2 <= last; f += 2) histograms.count_two(events().events(f), events().events(f + 1), of(f), of(f + 1));
      if (f < last) histograms.count_two(events().events(f), {}, of(f), {});
    });
  }

  void do_bin(std::uint32_t factor, event_batch& out) override {
    same_indptr(out);
    for_frames([&](std::size_t first, std::size_t last) {
      frame_binner binner(events().shape, factor);
      for (std::size_t f = first; f < last; ++f) binner.bin(events().events(f), out.indices.data() + out.indptr[f]);
    });
  }

  void do_crop(const detector_window& window, event_batch& out) override {
    const frame_shape shape = events().shape;
    const row_range rows{window.row, window.row + window.shape.height};
    const bool lanes = fits_lanes(shape);
    gather(out, [&](std::size_t first, std::size_t last, event_batch& piece) {
      std::vector<std::uint32_t> cropped;
      for (std::size_t f = first; f < last; ++f) {
        const frame_events frame = in_rows(events().events(f), shape, rows);
        cropped.resize(std::max(cropped.size(), frame.size() + crop_room));
        std::size_t kept = 0;
        if (lanes) {
          kept = crop_frame(frame, shape, window, cropped.data());
        } else {
          for (const std::uint32_t index : frame) {
            const std::uint32_t row = index / shape.width - window.row;  // what lies before the window wraps to a large number
            const std::uint32_t column = index % shape.width - window.column;
            if (row < window.shape.height && column < window.shape.width) cropped[kept++] = row * window.shape.width + column;
          }
        }
        piece.indices.insert(piece.indices.end(), cropped.data(), cropped.data() + kept);
        piece.indptr.push_back(piece.indices.size());
      }
    });
  }

  /// Replaces the events of `out` by those that work(first, last, piece) appends to its piece for frames [first, last).
  template <class Work>
  void gather(event_batch& out, Work work) {
    const auto begin = [](event_batch& piece) {
      piece.indptr.assign(1, 0);
      piece.indices.clear();
    };
    begin(out);
    const std::size_t frames = events().frames();
    if (threads_ == 1 || frames < 2) return work(std::size_t{0}, frames, out);
    const std::size_t number = std::min(frames, 4 * static_cast<std::size_t>(threads_));
    std::vector<event_batch> pieces(number);
    arena_.execute([&] {
      oneapi::tbb::parallel_for(std::size_t{0}, number, [&](std::size_t p) {
        begin(pieces[p]);
        work(frames * p / number, frames * (p + 1) / number, pieces[p]);
      });
    });
    for (const event_batch& piece : pieces) {
      const std::uint64_t before = out.indices.size();
      for (std::size_t f = 1; f < piece.indptr.size(); ++f) out.indptr.push_back(before + piece.indptr[f]);
      out.indices.insert(out.indices.end(), piece.indices.begin(), piece.indices.end());
    }
  }

  /// Room for as many events per frame as there are now.
  void same_indptr(event_batch& out) {
    out.indptr.resize(events().frames() + 1);
    for (std::size_t f = 0; f < out.indptr.size(); ++f)
      out.indptr[f] = events().frames() == 0 ? 0 : events().indptr[f] - events().indptr[0];
    out.indices.resize(events().event_count());
  }

  int threads_;
  oneapi::tbb::task_arena& arena_;
};

}  // namespace

std::unique_ptr<event_reducer> make_reducer(unsigned threads) {
  return std::make_unique<cpu_reducer>(threads);
}

}  // namespace countem::cpu
