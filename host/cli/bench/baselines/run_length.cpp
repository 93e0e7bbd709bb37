// Every stage walks the runs: two numbers for an event that has no neighbour.
#include <algorithm>

#include "host/cli/bench/baselines/encodings.hpp"

namespace countem::baselines {

run_length_frames encode_run_length(const event_view& events) {
  run_length_frames encoded{events.shape, {0}, {}};
  for (std::size_t f = 0; f < events.frames(); ++f) {
    const std::size_t first = encoded.runs.size();
    for (const std::uint32_t index : events.events(f)) {
      const bool goes_on = encoded.runs.size() > first && encoded.runs.back().first + encoded.runs.back().length == index;
      if (goes_on) {
        ++encoded.runs.back().length;
      } else {
        encoded.runs.push_back({index, 1});
      }
    }
    encoded.indptr.push_back(encoded.runs.size());
  }
  return encoded;
}

namespace {

/// Calls visit(index) for each event of some runs, in order.
template <class Visit>
void for_events(std::span<const pixel_run> runs, Visit visit) {
  for (const pixel_run& run : runs) {
    for (std::uint32_t i = 0; i < run.length; ++i) visit(run.first + i);
  }
}

class run_length_reducer final : public event_reducer {
 private:
  void do_load() override { frames_ = encode_run_length(events()); }

  void do_counts(std::span<std::uint32_t> out) override {
    for (std::size_t f = 0; f < out.size(); ++f) {
      out[f] = 0;
      for (const pixel_run& run : frames_.frame(f)) out[f] += run.length;
    }
  }

  void do_add_sum(std::span<std::uint64_t> image) override {
    for_events(frames_.runs, [&](std::uint32_t index) { ++image[index]; });
  }

  void do_raise_maximum(std::span<std::uint32_t> image) override {
    for (std::size_t f = 0; f < frames_.frames(); ++f) {
      std::uint32_t before = 0;
      std::uint32_t repeats = 0;
      for_events(frames_.frame(f), [&](std::uint32_t index) {
        repeats = repeats != 0 && index == before ? repeats + 1 : 1;
        before = index;
        image[index] = std::max(image[index], repeats);
      });
    }
  }

  void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) override {
    std::ranges::fill(out, 0U);
    for (std::size_t d = 0; d < masks.detectors; ++d) {
      const auto& group = masks.groups[d / detector_masks::per_group];
      const std::size_t bit = d % detector_masks::per_group;
      for (std::size_t f = 0; f < frames_.frames(); ++f) {
        std::uint32_t inside = 0;
        for_events(frames_.frame(f), [&](std::uint32_t index) { inside += (std::uint32_t{group[index]} >> bit) & 1U; });
        out[d * frames_.frames() + f] = inside;
      }
    }
  }

  void do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) override {
    for (std::size_t f = 0; f < out.size(); ++f) {
      std::int64_t sum = 0;
      for_events(frames_.frame(f), [&](std::uint32_t index) { sum += weights.weights[index]; });
      out[f] = sum;
    }
  }

  void do_moments(std::span<event_moments> out) override {
    for (std::size_t f = 0; f < out.size(); ++f) {
      event_moments moments;
      for_events(frames_.frame(f), [&](std::uint32_t index) {
        ++moments.events;
        moments.row_sum += index / frames_.shape.width;
        moments.column_sum += index % frames_.shape.width;
      });
      out[f] = moments;
    }
  }

  void do_second_moments(const detector_masks* within, std::span<event_second_moments> out) override {
    for (std::size_t f = 0; f < out.size(); ++f) {
      event_second_moments sums;
      for_events(frames_.frame(f), [&](std::uint32_t index) {
        if (within != nullptr && !within->contains(0, index)) return;
        const std::uint64_t row = index / frames_.shape.width;
        const std::uint64_t column = index % frames_.shape.width;
        ++sums.first.events;
        sums.first.row_sum += row;
        sums.first.column_sum += column;
        sums.row_row += row * row;
        sums.row_column += row * column;
        sums.column_column += column * column;
      });
      out[f] = sums;
    }
  }

  void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) override {
    std::ranges::fill(out, 0U);
    for (std::size_t f = 0; f < frames_.frames(); ++f) {
      for_events(frames_.frame(f), [&](std::uint32_t index) {
        if (rings.ring[index] != ring_map::outside) ++out[f * rings.rings + rings.ring[index]];
      });
    }
  }

  void do_bin(std::uint32_t factor, event_batch& out) override {
    const std::uint32_t width = binned(frames_.shape, factor).width;
    out.indptr.assign(1, 0);
    out.indices.clear();
    for (std::size_t f = 0; f < frames_.frames(); ++f) {
      for_events(frames_.frame(f), [&](std::uint32_t index) {
        out.indices.push_back(index / frames_.shape.width / factor * width + index % frames_.shape.width / factor);
      });
      std::sort(out.indices.begin() + static_cast<std::ptrdiff_t>(out.indptr.back()), out.indices.end());
      out.indptr.push_back(out.indices.size());
    }
  }

  void do_crop(const detector_window& window, event_batch& out) override {
    out.indptr.assign(1, 0);
    out.indices.clear();
    for (std::size_t f = 0; f < frames_.frames(); ++f) {
      for_events(frames_.frame(f), [&](std::uint32_t index) {
        const std::uint32_t row = index / frames_.shape.width - window.row;  // what lies before wraps to a large number
        const std::uint32_t column = index % frames_.shape.width - window.column;
        if (row < window.shape.height && column < window.shape.width) out.indices.push_back(row * window.shape.width + column);
      });
      out.indptr.push_back(out.indices.size());
    }
  }

  run_length_frames frames_;
};

}  // namespace

void decode(const run_length_frames& frames, event_batch& out) {
  out.indptr.assign(1, 0);
  out.indices.clear();
  for (std::size_t f = 0; f < frames.frames(); ++f) {
    for_events(frames.frame(f), [&](std::uint32_t index) { out.indices.push_back(index); });
    out.indptr.push_back(out.indices.size());
  }
}

std::unique_ptr<event_reducer> make_run_length_reducer() {
  return std::make_unique<run_length_reducer>();
}

}  // namespace countem::baselines
