// Each reduction as its definition, one event after another.
#include <algorithm>

#include <countem/reductions.hpp>

namespace countem::reference {

namespace {

class reference_reducer final : public event_reducer {
 private:
  void do_counts(std::span<std::uint32_t> out) override {
    for (std::size_t f = 0; f < events().frames(); ++f) out[f] = static_cast<std::uint32_t>(events().events(f).size());
  }

  void do_add_sum(std::span<std::uint64_t> image) override {
    for (const std::uint32_t index : events().events()) ++image[index];
  }

  void do_raise_maximum(std::span<std::uint32_t> image) override {
    for (std::size_t f = 0; f < events().frames(); ++f) {
      const auto frame = events().events(f);
      for (const std::uint32_t index : frame) {
        const auto here = static_cast<std::uint32_t>(std::count(frame.begin(), frame.end(), index));
        image[index] = std::max(image[index], here);
      }
    }
  }

  void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) override {
    for (std::size_t d = 0; d < masks.detectors; ++d) {
      for (std::size_t f = 0; f < events().frames(); ++f) {
        const auto frame = events().events(f);
        out[d * events().frames() + f] = static_cast<std::uint32_t>(
            std::count_if(frame.begin(), frame.end(), [&](std::uint32_t index) { return masks.contains(d, index); }));
      }
    }
  }

  void do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) override {
    for (std::size_t f = 0; f < events().frames(); ++f) {
      out[f] = 0;
      for (const std::uint32_t index : events().events(f)) out[f] += weights.weights[index];
    }
  }

  void do_moments(std::span<event_moments> out) override {
    for (std::size_t f = 0; f < events().frames(); ++f) {
      out[f] = {};
      for (const std::uint32_t index : events().events(f)) {
        ++out[f].events;
        out[f].row_sum += index / events().shape.width;
        out[f].column_sum += index % events().shape.width;
      }
    }
  }

  void do_second_moments(const detector_masks* within, std::span<event_second_moments> out) override {
    for (std::size_t f = 0; f < events().frames(); ++f) {
      out[f] = {};
      for (const std::uint32_t index : events().events(f)) {
        if (within != nullptr && !within->contains(0, index)) continue;
        const std::uint64_t row = index / events().shape.width;
        const std::uint64_t column = index % events().shape.width;
        ++out[f].first.events;
        out[f].first.row_sum += row;
        out[f].first.column_sum += column;
        out[f].row_row += row * row;
        out[f].row_column += row * column;
        out[f].column_column += column * column;
      }
    }
  }

  void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) override {
    std::fill(out.begin(), out.end(), 0U);
    for (std::size_t f = 0; f < events().frames(); ++f) {
      for (const std::uint32_t index : events().events(f)) {
        if (rings.ring[index] != ring_map::outside) ++out[f * rings.rings + rings.ring[index]];
      }
    }
  }

  void do_bin(std::uint32_t factor, event_batch& out) override {
    const frame_shape to = binned(events().shape, factor);
    out.indptr.assign(1, 0);
    out.indices.clear();
    for (std::size_t f = 0; f < events().frames(); ++f) {
      for (const std::uint32_t index : events().events(f)) {
        const std::uint32_t row = index / events().shape.width / factor;
        const std::uint32_t column = index % events().shape.width / factor;
        out.indices.push_back(row * to.width + column);
      }
      std::sort(out.indices.begin() + static_cast<std::ptrdiff_t>(out.indptr.back()), out.indices.end());
      out.indptr.push_back(out.indices.size());
    }
  }

  void do_crop(const detector_window& window, event_batch& out) override {
    out.indptr.assign(1, 0);
    out.indices.clear();
    for (std::size_t f = 0; f < events().frames(); ++f) {
      for (const std::uint32_t index : events().events(f)) {
        const std::uint32_t row = index / events().shape.width;
        const std::uint32_t column = index % events().shape.width;
        if (row >= window.row && row - window.row < window.shape.height && column >= window.column &&
            column - window.column < window.shape.width) {
          out.indices.push_back((row - window.row) * window.shape.width + (column - window.column));
        }
      }
      out.indptr.push_back(out.indices.size());
    }
  }
};

}  // namespace

std::unique_ptr<event_reducer> make_reducer() {
  return std::make_unique<reference_reducer>();
}

}  // namespace countem::reference
