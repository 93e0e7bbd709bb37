// Every stage reads every pixel: O(pixels) per frame, whatever the number of events.
#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include <countem/error.hpp>

#include "host/cli/bench/baselines/encodings.hpp"

namespace countem::baselines {

dense_frames encode_dense(const event_view& events) {
  dense_frames dense{events.shape, events.frames(), {}};
  dense.counts.resize(dense.frames * events.shape.pixels());
  for (std::size_t f = 0; f < dense.frames; ++f) {
    std::uint16_t* const frame = dense.counts.data() + f * events.shape.pixels();
    for (const std::uint32_t index : events.events(f)) {
      if (frame[index] == std::numeric_limits<std::uint16_t>::max())
        throw invalid_argument("frame " + std::to_string(f) + ": pixel " + std::to_string(index) +
                               " has more than 65535 events, which a dense frame cannot hold");
      ++frame[index];
    }
  }
  return dense;
}

namespace {

/// Appends the events of pixels that follow one another from `first` on.
void append_events(std::span<const std::uint16_t> counts, std::uint32_t first, std::vector<std::uint32_t>& indices) {
  for (std::size_t p = 0; p < counts.size(); ++p) {
    if (counts[p] != 0) indices.insert(indices.end(), counts[p], first + static_cast<std::uint32_t>(p));
  }
}

std::uint32_t total(std::span<const std::uint16_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), 0U);
}

class dense_reducer final : public event_reducer {
 private:
  void do_load() override { frames_ = encode_dense(events()); }

  void do_counts(std::span<std::uint32_t> out) override {
    for (std::size_t f = 0; f < out.size(); ++f) out[f] = total(frames_.frame(f));
  }

  void do_add_sum(std::span<std::uint64_t> image) override {
    for (std::size_t f = 0; f < frames_.frames; ++f) {
      const auto frame = frames_.frame(f);
      for (std::size_t p = 0; p < image.size(); ++p) image[p] += frame[p];
    }
  }

  void do_raise_maximum(std::span<std::uint32_t> image) override {
    for (std::size_t f = 0; f < frames_.frames; ++f) {
      const auto frame = frames_.frame(f);
      for (std::size_t p = 0; p < image.size(); ++p) image[p] = std::max<std::uint32_t>(image[p], frame[p]);
    }
  }

  void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) override {
    for (std::size_t d = 0; d < masks.detectors; ++d) {
      const auto& group = masks.groups[d / detector_masks::per_group];
      const std::size_t bit = d % detector_masks::per_group;
      for (std::size_t f = 0; f < frames_.frames; ++f) {
        const auto frame = frames_.frame(f);
        std::uint32_t inside = 0;
        for (std::size_t p = 0; p < frame.size(); ++p) inside += frame[p] * ((std::uint32_t{group[p]} >> bit) & 1U);
        out[d * frames_.frames + f] = inside;
      }
    }
  }

  void do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) override {
    for (std::size_t f = 0; f < out.size(); ++f) {
      const auto frame = frames_.frame(f);
      out[f] = 0;
      for (std::size_t p = 0; p < frame.size(); ++p) out[f] += std::int64_t{frame[p]} * weights.weights[p];
    }
  }

  void do_moments(std::span<event_moments> out) override {
    const std::uint32_t width = frames_.shape.width;
    std::vector<std::uint64_t> columns(width);
    for (std::size_t f = 0; f < out.size(); ++f) {
      std::ranges::fill(columns, 0U);
      out[f] = {};
      for (std::uint32_t row = 0; row < frames_.shape.height; ++row) {
        const auto pixels = frames_.frame(f).subspan(std::size_t{row} * width, width);
        const std::uint64_t in_row = total(pixels);
        out[f].events += in_row;
        out[f].row_sum += in_row * row;
        for (std::size_t column = 0; column < width; ++column) columns[column] += pixels[column];
      }
      for (std::size_t column = 0; column < width; ++column) out[f].column_sum += columns[column] * column;
    }
  }

  void do_second_moments(const detector_masks* within, std::span<event_second_moments> out) override {
    const std::uint32_t width = frames_.shape.width;
    for (std::size_t f = 0; f < out.size(); ++f) {
      const auto frame = frames_.frame(f);
      out[f] = {};
      for (std::uint64_t row = 0, p = 0; row < frames_.shape.height; ++row) {
        std::uint64_t number = 0;
        std::uint64_t columns = 0;
        for (std::uint64_t column = 0; column < width; ++column, ++p) {
          const std::uint64_t here = within == nullptr || within->contains(0, p) ? frame[p] : 0;
          number += here;
          columns += here * column;
          out[f].column_column += here * column * column;
        }
        out[f].first.events += number;
        out[f].first.row_sum += number * row;
        out[f].first.column_sum += columns;
        out[f].row_row += number * row * row;
        out[f].row_column += columns * row;
      }
    }
  }

  void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) override {
    std::ranges::fill(out, 0U);
    for (std::size_t f = 0; f < frames_.frames; ++f) {
      const auto frame = frames_.frame(f);
      for (std::size_t p = 0; p < frame.size(); ++p) {
        if (rings.ring[p] != ring_map::outside) out[f * rings.rings + rings.ring[p]] += frame[p];
      }
    }
  }

  void do_bin(std::uint32_t factor, event_batch& out) override {
    const frame_shape from = frames_.shape;
    const frame_shape to = binned(from, factor);
    std::vector<std::uint32_t> merged(to.pixels());
    begin(out);
    for (std::size_t f = 0; f < frames_.frames; ++f) {
      std::ranges::fill(merged, 0U);
      const auto frame = frames_.frame(f);
      for (std::uint32_t row = 0; row < from.height; ++row) {
        const std::uint16_t* const pixels = frame.data() + std::size_t{row} * from.width;
        std::uint32_t* const into = merged.data() + std::size_t{row / factor} * to.width;
        for (std::uint32_t first = 0, column = 0; first < from.width; first += factor, ++column) {
          for (std::uint32_t c = first; c < std::min(from.width, first + factor); ++c) into[column] += pixels[c];
        }
      }
      for (std::uint32_t p = 0; p < to.pixels(); ++p) {
        if (merged[p] != 0) out.indices.insert(out.indices.end(), merged[p], p);
      }
      out.indptr.push_back(out.indices.size());
    }
  }

  void do_crop(const detector_window& window, event_batch& out) override {
    begin(out);
    for (std::size_t f = 0; f < frames_.frames; ++f) {
      for (std::uint32_t row = 0; row < window.shape.height; ++row) {
        const std::size_t first = std::size_t{window.row + row} * frames_.shape.width + window.column;
        append_events(frames_.frame(f).subspan(first, window.shape.width), row * window.shape.width, out.indices);
      }
      out.indptr.push_back(out.indices.size());
    }
  }

  static void begin(event_batch& out) {
    out.indptr.assign(1, 0);
    out.indices.clear();
  }

  dense_frames frames_;
};

}  // namespace

void decode(const dense_frames& frames, event_batch& out) {
  out.indptr.assign(1, 0);
  out.indices.clear();
  for (std::size_t f = 0; f < frames.frames; ++f) {
    append_events(frames.frame(f), 0, out.indices);
    out.indptr.push_back(out.indices.size());
  }
}

std::unique_ptr<event_reducer> make_dense_reducer() {
  return std::make_unique<dense_reducer>();
}

}  // namespace countem::baselines
