// The reductions with threads: frames are shared out where a result belongs to a frame, pixels where it belongs to a pixel, so
// that no two threads ever write the same element and results do not depend on their number.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <vector>

#include <countem/reductions.hpp>

namespace countem::cpu {

namespace {

class cpu_reducer final : public event_reducer {
 public:
  explicit cpu_reducer(unsigned threads)
      : threads_(threads != 0 ? static_cast<int>(threads) : oneapi::tbb::info::default_concurrency()),
        arena_(std::min(threads_, oneapi::tbb::info::default_concurrency())) {}

 private:
  /// Calls work(first, last) for pieces of [0, frames) that hold about equally many events.
  template <class Work>
  void for_frames(Work work) {
    const std::size_t frames = events().frames();
    if (threads_ == 1 || frames < 2) return work(std::size_t{0}, frames);
    arena_.execute([&] {
      oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<std::size_t>(0, frames, 1 + frames / (16U * static_cast<unsigned>(threads_))),
                                [&](const auto& range) { work(range.begin(), range.end()); });
    });
  }

  /// Calls work(piece of the frame's events, frame) for each frame; each thread sees a strip of pixels of its own.
  template <class Work>
  void for_pixel_strips(Work work) {
    const auto strips = static_cast<std::uint64_t>(threads_);
    const auto strip = [&](std::uint64_t number) {
      const std::uint64_t first = events().shape.pixels() * number / strips;
      const std::uint64_t last = events().shape.pixels() * (number + 1) / strips;
      for (std::size_t f = 0; f < events().frames(); ++f) {
        const auto frame = events().events(f);
        const auto begin = std::lower_bound(frame.begin(), frame.end(), first);
        work(std::span(begin, std::lower_bound(begin, frame.end(), last)));
      }
    };
    if (strips == 1) {
      for (std::size_t f = 0; f < events().frames(); ++f) work(events().events(f));
      return;
    }
    arena_.execute([&] { oneapi::tbb::parallel_for(std::uint64_t{0}, strips, strip); });
  }

  void do_counts(std::span<std::uint32_t> out) override {
    for (std::size_t f = 0; f < out.size(); ++f) out[f] = static_cast<std::uint32_t>(events().indptr[f + 1] - events().indptr[f]);
  }

  void do_add_sum(std::span<std::uint64_t> image) override {
    for_pixel_strips([&](std::span<const std::uint32_t> piece) {
      for (const std::uint32_t index : piece) ++image[index];
    });
  }

  void do_raise_maximum(std::span<std::uint32_t> image) override {
    for_pixel_strips([&](std::span<const std::uint32_t> piece) {
      std::uint32_t repeats = 0;
      for (std::size_t i = 0; i < piece.size(); ++i) {
        repeats = i != 0 && piece[i] == piece[i - 1] ? repeats + 1 : 1;
        image[piece[i]] = std::max(image[piece[i]], repeats);
      }
    });
  }

  void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) override {
    const std::size_t frames = events().frames();
    for_frames([&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        for (std::size_t d = 0; d < masks.detectors; ++d) {
          const std::vector<std::uint8_t>& group = masks.groups[d / detector_masks::per_group];
          std::uint32_t inside = 0;
          for (const std::uint32_t index : events().events(f)) inside += (group[index] >> (d % detector_masks::per_group)) & 1U;
          out[d * frames + f] = inside;
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
    for_frames([&](std::size_t first, std::size_t last) {
      const std::uint32_t width = events().shape.width;
      for (std::size_t f = first; f < last; ++f) {
        std::uint64_t index_sum = 0;
        std::uint64_t row_sum = 0;
        for (const std::uint32_t index : events().events(f)) {
          index_sum += index;
          row_sum += index / width;
        }
        out[f] = {events().events(f).size(), row_sum, index_sum - row_sum * width};
      }
    });
  }

  void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) override {
    std::fill(out.begin(), out.end(), 0U);
    for_frames([&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        const auto profile = out.subspan(f * rings.rings, rings.rings);
        for (const std::uint32_t index : events().events(f)) {
          const std::uint16_t ring = rings.ring[index];
          if (ring != ring_map::outside) ++profile[ring];
        }
      }
    });
  }

  void do_bin(std::uint32_t factor, event_batch& out) override {
    const frame_shape from = events().shape;
    const std::uint32_t width = binned(from, factor).width;
    same_indptr(out);
    for_frames([&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        auto to = out.indices.begin() + static_cast<std::ptrdiff_t>(out.indptr[f]);
        const auto begin = to;
        for (const std::uint32_t index : events().events(f)) *to++ = index / from.width / factor * width + index % from.width / factor;
        std::sort(begin, to);
      }
    });
  }

  void do_crop(const detector_window& window, event_batch& out) override {
    const std::uint32_t width = events().shape.width;
    same_indptr(out);
    std::vector<std::uint64_t> kept(events().frames());
    for_frames([&](std::size_t first, std::size_t last) {
      for (std::size_t f = first; f < last; ++f) {
        auto to = out.indices.begin() + static_cast<std::ptrdiff_t>(out.indptr[f]);
        const auto begin = to;
        for (const std::uint32_t index : events().events(f)) {
          const std::uint32_t row = index / width - window.row;  // wraps to a large number before the window
          const std::uint32_t column = index % width - window.column;
          if (row < window.shape.height && column < window.shape.width) *to++ = row * window.shape.width + column;
        }
        kept[f] = static_cast<std::uint64_t>(to - begin);
      }
    });
    close_gaps(kept, out);
  }

  /// Room for as many events per frame as there are now.
  void same_indptr(event_batch& out) {
    out.indptr.resize(events().frames() + 1);
    for (std::size_t f = 0; f < out.indptr.size(); ++f) out.indptr[f] = events().frames() == 0 ? 0 : events().indptr[f] - events().indptr[0];
    out.indices.resize(events().event_count());
  }

  /// Moves the first kept[f] events of each frame together.
  static void close_gaps(const std::vector<std::uint64_t>& kept, event_batch& out) {
    std::uint64_t end = 0;
    for (std::size_t f = 0; f < kept.size(); ++f) {
      const auto from = out.indices.begin() + static_cast<std::ptrdiff_t>(out.indptr[f]);
      std::copy(from, from + static_cast<std::ptrdiff_t>(kept[f]), out.indices.begin() + static_cast<std::ptrdiff_t>(end));
      out.indptr[f] = end;
      end += kept[f];
    }
    out.indptr.back() = end;
    out.indices.resize(end);
  }

  int threads_;
  oneapi::tbb::task_arena arena_;
};

}  // namespace

std::unique_ptr<event_reducer> make_reducer(unsigned threads) { return std::make_unique<cpu_reducer>(threads); }

}  // namespace countem::cpu
