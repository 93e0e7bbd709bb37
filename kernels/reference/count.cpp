// docs/semantics.md as code: scalar, one obvious step after another, no concern for speed.
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include <countem/counting.hpp>

#include "kernels/reference/charge.hpp"

namespace countem::reference {

namespace {

struct event {
  std::uint32_t index;
  std::uint32_t value;
};

struct counted_frame {
  std::vector<event> events;
  std::uint32_t xrays = 0;
};

/// The frame's charges with the questions that all methods ask of them.
struct charge_image {
  const counting_setup& setup;
  std::vector<std::int32_t> charge;

  [[nodiscard]] bool is_hit(std::uint64_t p) const {
    return charge[p] != no_charge && charge[p] > background_of(setup.calibrated, p);
  }
  [[nodiscard]] bool is_xray(std::uint64_t p) const { return is_hit(p) && charge[p] >= setup.calibrated.xray16; }

  /// Calls visit(neighbour) for each of the up to 8 neighbours inside the frame.
  template <class Visit>
  void for_neighbours(std::uint64_t p, Visit visit) const {
    const auto [height, width] = setup.shape;
    const std::uint64_t row = p / width;
    const std::uint64_t column = p % width;
    for (std::uint64_t r = row == 0 ? 0 : row - 1; r <= std::min<std::uint64_t>(row + 1, height - 1); ++r) {
      for (std::uint64_t c = column == 0 ? 0 : column - 1; c <= std::min<std::uint64_t>(column + 1, width - 1); ++c) {
        if (r != row || c != column) visit(r * width + c);
      }
    }
  }
};

std::uint32_t value_of(event_value kept, std::uint64_t charge, std::uint64_t size) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  switch (kept) {
    case event_value::charge: return static_cast<std::uint32_t>(std::min(charge, most));
    case event_value::size: return static_cast<std::uint32_t>(std::min(size, most));
    case event_value::none: return 0;
  }
  return 0;
}

/// floor(k (2 X + S) / (2 S)): the grid cell that holds the centroid.
__extension__ using wide = unsigned __int128;
std::uint32_t centroid(wide weighted, std::uint64_t sum, std::uint32_t upsample) {
  return static_cast<std::uint32_t>((upsample * (2 * weighted + sum)) / (2 * wide{sum}));
}

counted_frame count_clusters(const charge_image& image) {
  const auto& [shape, type, calibrated, options] = image.setup;
  counted_frame counted;
  std::vector<bool> visited(shape.pixels(), false);
  std::vector<std::uint64_t> component;
  for (std::uint64_t first = 0; first < shape.pixels(); ++first) {
    if (visited[first] || !image.is_hit(first)) continue;
    visited[first] = true;
    component.assign(1, first);
    for (std::size_t i = 0; i < component.size(); ++i) {
      image.for_neighbours(component[i], [&](std::uint64_t q) {
        if (!visited[q] && image.is_hit(q)) {
          visited[q] = true;
          component.push_back(q);
        }
      });
    }

    std::uint64_t sum = 0;
    wide weighted_row = 0;
    wide weighted_column = 0;
    bool xray = false;
    for (const std::uint64_t p : component) {
      const auto charge = static_cast<std::uint64_t>(image.charge[p]);
      sum += charge;
      weighted_row += wide{charge} * (p / shape.width);
      weighted_column += wide{charge} * (p % shape.width);
      xray = xray || image.is_xray(p);
    }
    if (xray) {
      ++counted.xrays;
    } else if (component.size() >= options.min_cluster_size && component.size() <= options.max_cluster_size) {
      const std::uint32_t row = centroid(weighted_row, sum, options.upsample);
      const std::uint32_t column = centroid(weighted_column, sum, options.upsample);
      counted.events.push_back(
          {row * (shape.width * options.upsample) + column, value_of(options.values, sum, component.size())});
    }
  }
  return counted;
}

counted_frame count_maxima(const charge_image& image) {
  const auto kept = [&](std::uint64_t p) { return image.is_hit(p) && !image.is_xray(p) ? image.charge[p] : 0; };
  counted_frame counted;
  for (std::uint64_t p = 0; p < image.setup.shape.pixels(); ++p) {
    if (image.is_xray(p)) ++counted.xrays;
    const std::int32_t charge = kept(p);
    bool maximum = charge > 0;
    image.for_neighbours(p, [&](std::uint64_t q) { maximum = maximum && charge > kept(q); });
    if (maximum) {
      counted.events.push_back(
          {static_cast<std::uint32_t>(p), value_of(image.setup.options.values, static_cast<std::uint64_t>(charge), 1)});
    }
  }
  return counted;
}

/// A hit and the charges around it, as method peaks sees them.
class peak {
 public:
  peak(const charge_image& image, std::uint64_t p)
      : image_(image), row_(static_cast<std::int64_t>(p / width())), column_(static_cast<std::int64_t>(p % width())) {}

  /// Whether it beats all its neighbours.
  [[nodiscard]] bool is_greatest() const {
    bool greatest = true;
    for (int down = -1; down <= 1; ++down) {
      for (int right = -1; right <= 1; ++right) {
        const bool is_before = down < 0 || (down == 0 && right < 0);
        const std::int32_t other = raw_charge(down, right);
        if (down == 0 && right == 0) continue;
        greatest = greatest && (is_before ? charge() > other : charge() >= other);
      }
    }
    return greatest;
  }

  [[nodiscard]] std::int64_t score() const {
    std::int64_t block = std::numeric_limits<std::int64_t>::min();
    for (const int down : {-1, 1}) {
      for (const int right : {-1, 1}) block = std::max(block, charge() + near(0, right) + near(down, 0) + near(down, right));
    }
    return 2 * charge() + block;
  }

  [[nodiscard]] std::int64_t charge_of_nine() const {
    std::int64_t sum = 0;
    for_nine([&](int down, int right) { sum += near(down, right); });
    return sum;
  }

  [[nodiscard]] std::uint64_t hits_of_nine() const {
    std::uint64_t hits = 0;
    for_nine([&](int down, int right) { hits += is_inside(down, right) && image_.is_hit(index(down, right)) ? 1 : 0; });
    return hits;
  }

  /// On a grid `upsample` times finer.
  [[nodiscard]] std::uint32_t row(std::uint32_t upsample) const { return place(row_, near(-1, 0), near(1, 0), upsample); }
  [[nodiscard]] std::uint32_t column(std::uint32_t upsample) const { return place(column_, near(0, -1), near(0, 1), upsample); }

 private:
  [[nodiscard]] std::uint32_t width() const { return image_.setup.shape.width; }
  [[nodiscard]] std::uint64_t index(int down, int right) const {
    return static_cast<std::uint64_t>((row_ + down) * width() + column_ + right);
  }
  [[nodiscard]] bool is_inside(int down, int right) const {
    return row_ + down >= 0 && row_ + down < image_.setup.shape.height && column_ + right >= 0 && column_ + right < width();
  }
  [[nodiscard]] std::int32_t raw_charge(int down, int right) const {
    return is_inside(down, right) ? image_.charge[index(down, right)] : no_charge;
  }
  /// 0 where there is none.
  [[nodiscard]] std::int64_t near(int down, int right) const {
    const std::int32_t charge = raw_charge(down, right);
    return charge == no_charge ? 0 : charge;
  }
  [[nodiscard]] std::int64_t charge() const { return near(0, 0); }

  template <class Visit>
  static void for_nine(Visit visit) {
    for (int down = -1; down <= 1; ++down) {
      for (int right = -1; right <= 1; ++right) visit(down, right);
    }
  }

  [[nodiscard]] std::uint32_t place(std::int64_t at, std::int64_t before, std::int64_t after, std::int64_t k) const {
    before = std::max<std::int64_t>(before, 0);
    after = std::max<std::int64_t>(after, 0);
    const std::int64_t all = charge() + after + before;
    const std::int64_t cell = k * at + k * (all + 2 * (after - before)) / (2 * all);
    return static_cast<std::uint32_t>(std::min(k * (at + 1) - 1, cell));
  }

  const charge_image& image_;
  std::int64_t row_;
  std::int64_t column_;
};

counted_frame count_peaks(const charge_image& image) {
  const auto& [shape, type, calibrated, options] = image.setup;
  counted_frame counted;
  for (std::uint64_t p = 0; p < shape.pixels(); ++p) {
    if (!image.is_hit(p)) continue;
    const peak candidate(image, p);
    if (!candidate.is_greatest()) continue;
    if (image.is_xray(p)) {
      ++counted.xrays;
    } else if (candidate.score() > calibrated.score16) {
      const auto charge = static_cast<std::uint64_t>(std::max<std::int64_t>(candidate.charge_of_nine(), 0));
      const std::uint32_t row = candidate.row(options.upsample);
      counted.events.push_back({row * (shape.width * options.upsample) + candidate.column(options.upsample),
                                value_of(options.values, charge, candidate.hits_of_nine())});
    }
  }
  return counted;
}

counted_frame count_pixels(const charge_image& image) {
  counted_frame counted;
  for (std::uint64_t p = 0; p < image.setup.shape.pixels(); ++p) {
    if (!image.is_hit(p)) continue;
    if (image.is_xray(p)) ++counted.xrays;
    counted.events.push_back(
        {static_cast<std::uint32_t>(p), value_of(image.setup.options.values, static_cast<std::uint64_t>(image.charge[p]), 1)});
  }
  return counted;
}

counted_frame count_counts(const counting_setup& setup, const frame_view& frame) {
  const auto [height, width] = setup.shape;
  counted_frame counted;
  for (std::uint32_t row = 0; row < height; ++row) {
    for (std::uint32_t column = 0; column < width; ++column) {
      const std::uint64_t p = std::uint64_t{row} * width + column;
      if (!can_have_charge(setup.calibrated, p) || !frame.arrived(row, column)) continue;
      const double number = std::nearbyint(raw_value(frame, row, column));
      if (!(number > 0)) continue;  // or a NaN
      const auto most = static_cast<double>(most_counted_events + 1);
      const auto events = static_cast<std::size_t>(std::min(number, most));
      require_counted_events(counted.events.size() + events);
      counted.events.insert(counted.events.end(), events, {static_cast<std::uint32_t>(p), 0});
    }
  }
  return counted;
}

counted_frame count_frame(const counting_setup& setup, const frame_view& frame) {
  if (frame.present == 0) return {};
  if (setup.options.method == counting_method::counts) return count_counts(setup, frame);
  const charge_image image{setup, charges(frame, setup.calibrated, setup.options)};
  switch (setup.options.method) {
    case counting_method::cluster: return count_clusters(image);
    case counting_method::maximum: return count_maxima(image);
    case counting_method::peaks: return count_peaks(image);
    case counting_method::pixels: return count_pixels(image);
    case counting_method::counts: break;  // has no charges
  }
  return {};
}

class reference_counter final : public counter {
 public:
  explicit reference_counter(std::shared_ptr<const counting_plan> plan) : plan_(std::move(plan)), setup_(plan_->setup()) {}

  void count(std::span<const frame_view> frames, event_batch& out) override {
    out.clear();
    for (const frame_view& frame : frames) {
      counted_frame counted = count_frame(setup_, frame);
      std::sort(counted.events.begin(), counted.events.end(),
                [](const event& a, const event& b) { return std::tie(a.index, a.value) < std::tie(b.index, b.value); });
      for (const event& found : counted.events) {
        out.indices.push_back(found.index);
        if (setup_.options.values != event_value::none) out.values.push_back(found.value);
      }
      out.indptr.push_back(out.indices.size());
      out.xrays.push_back(counted.xrays);
      out.status.push_back(status_of(frame, counted.xrays));
    }
  }

 private:
  std::shared_ptr<const counting_plan> plan_;
  const counting_setup& setup_;  ///< the plan's
};

class reference_plan final : public counting_plan, public std::enable_shared_from_this<reference_plan> {
 public:
  using counting_plan::counting_plan;

  [[nodiscard]] std::unique_ptr<counter> make_counter() const override {
    return std::make_unique<reference_counter>(shared_from_this());
  }
};

}  // namespace

std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup) {
  return std::make_shared<const reference_plan>(setup);
}

std::unique_ptr<counter> make_counter(const counting_setup& setup) {
  return make_plan(setup)->make_counter();
}

}  // namespace countem::reference
