#include "bench/gpu/peers/thrust_counting.hpp"

#include <thrust/binary_search.h>
#include <thrust/copy.h>
#include <thrust/count.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/discard_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/reduce.h>
#include <thrust/remove.h>
#include <thrust/sequence.h>
#include <thrust/sort.h>
#include <thrust/transform.h>

#include <limits>
#include <string>

#include <countem/error.hpp>

#include "bench/gpu/peers/primitives.hpp"

namespace countem::bench {

namespace {

constexpr std::uint32_t no_event = std::numeric_limits<std::uint32_t>::max();
constexpr std::int32_t never = std::numeric_limits<std::int32_t>::max();

/// What the functors read.
struct batch_on_device {
  const std::uint16_t* raw;
  const std::int32_t* dark16;   ///< per pixel
  const std::int32_t* limit16;  ///< per pixel: 16 raw above it is a hit
  std::uint32_t width;
  std::uint32_t pixels;
  std::int32_t xray16;
};

struct is_hit {
  batch_on_device batch;
  __host__ __device__ bool operator()(std::uint32_t i) const {
    return charge_units_per_adu * static_cast<std::int32_t>(batch.raw[i]) > batch.limit16[i % batch.pixels];
  }
};

__host__ __device__ std::uint32_t root_of(std::uint32_t* parents, std::uint32_t hit) {
  for (;;) {
    const std::uint32_t parent = shared_word(parents[hit]).load(::cuda::memory_order_relaxed);
    if (parent == hit) return hit;
    hit = parent;
  }
}

/// Makes one component of two: the root with the larger number gets the other as its parent.
__host__ __device__ void unite(std::uint32_t* parents, std::uint32_t one, std::uint32_t other) {
  for (;;) {
    one = root_of(parents, one);
    other = root_of(parents, other);
    if (one == other) return;
    const std::uint32_t larger = one > other ? one : other;
    const std::uint32_t smaller = one > other ? other : one;
    const std::uint32_t before = shared_word(parents[larger]).fetch_min(smaller, ::cuda::memory_order_relaxed);
    if (before == larger) return;
    one = before;
    other = smaller;
  }
}

/// Unites a hit with its neighbours to the west, north-west, north and north-east, which it finds by a binary search.
struct unite_neighbours {
  const std::uint32_t* hits;
  std::uint32_t* parents;
  std::uint32_t width;
  std::uint32_t pixels;

  __host__ __device__ void operator()(std::uint32_t k) const {
    const std::uint32_t hit = hits[k];
    const std::uint32_t column = hit % pixels % width;
    if (column > 0 && k > 0 && hits[k - 1] == hit - 1) unite(parents, k, k - 1);
    if (hit % pixels < width) return;  // the frame's first row
    const std::uint32_t first = hit - width - (column > 0 ? 1 : 0);
    const std::uint32_t last = hit - width + (column + 1 < width ? 1 : 0);
    std::uint32_t low = k > width + 1 ? k - width - 1 : 0;
    std::uint32_t high = k;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (hits[middle] < first) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (; low < k && hits[low] <= last; ++low) unite(parents, k, low);
  }
};

struct find_root {
  std::uint32_t* parents;
  __host__ __device__ std::uint32_t operator()(std::uint32_t k) const { return root_of(parents, k); }
};

struct component_sums {
  long long charge;
  long long column;  ///< charge * column
  long long row;     ///< charge * row
  std::uint32_t frame;
  bool xray;
};

struct sums_of_hit {
  batch_on_device batch;
  __host__ __device__ component_sums operator()(std::uint32_t hit) const {
    const std::uint32_t pixel = hit % batch.pixels;
    const std::int32_t charge = charge_units_per_adu * static_cast<std::int32_t>(batch.raw[hit]) - batch.dark16[pixel];
    const long long wide = charge;
    return {wide, wide * (pixel % batch.width), wide * (pixel / batch.width), hit / batch.pixels, charge >= batch.xray16};
  }
};

struct add_sums {
  __host__ __device__ component_sums operator()(const component_sums& a, const component_sums& b) const {
    return {a.charge + b.charge, a.column + b.column, a.row + b.row, a.frame, a.xray || b.xray};
  }
};

/// The centroid's pixel in the batch, halves up; none for an X-ray.
struct event_of {
  std::uint32_t width;
  std::uint32_t pixels;
  __host__ __device__ std::uint32_t operator()(const component_sums& sums) const {
    if (sums.xray) return no_event;
    const auto column = static_cast<std::uint32_t>((2 * sums.column + sums.charge) / (2 * sums.charge));
    const auto row = static_cast<std::uint32_t>((2 * sums.row + sums.charge) / (2 * sums.charge));
    return sums.frame * pixels + row * width + column;
  }
};

struct first_of_frame {
  std::uint32_t pixels;
  __host__ __device__ std::uint32_t operator()(std::uint32_t frame) const { return frame * pixels; }
};

void require_possible(const counting_setup& setup, std::size_t frames) {
  counting_options plain;
  const calibration& given = setup.calibrated;
  if (setup.type != pixel_type::u16 || !(setup.options == plain) || !given.gain.empty() || !given.pixel_background16.empty())
    throw invalid_argument("the toolkit's primitives count u16 frames with method cluster and one threshold");
  if (frames == 0 || frames > no_event / setup.shape.pixels())
    throw invalid_argument(std::to_string(frames) + " frames have more pixels than an index of 32 bits, or none");
}

}  // namespace

class thrust_counting::state {
 public:
  state(const counting_setup& setup, std::size_t most_frames)
      : width_(setup.shape.width), pixels_(static_cast<std::uint32_t>(setup.shape.pixels())), xray16_(setup.calibrated.xray16) {
    const calibration& given = setup.calibrated;
    std::vector<std::int32_t> dark(given.dark16);
    dark.resize(pixels_);
    std::vector<std::int32_t> limit;
    for (std::uint32_t p = 0; p < pixels_; ++p) {
      const bool masked = !given.mask.empty() && given.mask[p] != 0;
      limit.push_back(masked ? never : dark[p] + given.background16);
    }
    dark16_ = dark;
    limit16_ = limit;
    raw_.resize(most_frames * pixels_);
    hits_.resize(most_frames * pixels_);
  }

  void upload(std::span<const frame_view> frames) {
    frames_ = static_cast<std::uint32_t>(frames.size());
    for (std::size_t f = 0; f < frames.size(); ++f) {
      const auto* const pixels = reinterpret_cast<const std::uint16_t*>(frames[f].bands[0]);
      thrust::copy(pixels, pixels + pixels_, raw_.begin() + static_cast<std::ptrdiff_t>(f * pixels_));
    }
  }

  void count() {
    const thrust::counting_iterator<std::uint32_t> pixels(0);
    const auto end = thrust::copy_if(queue_.policy(), pixels, pixels + frames_ * pixels_, hits_.begin(), is_hit{on_device()});
    found_ = static_cast<std::uint32_t>(end - hits_.begin());
    make_room();
    label();
    reduce();
    queue_.wait();
  }

  [[nodiscard]] primitive_events fetch() const {
    primitive_events all;
    all.hits.resize(found_);
    thrust::copy_n(hits_.begin(), found_, all.hits.begin());
    all.xrays = xrays_;
    all.indptr.assign(offsets_.size(), 0);
    thrust::copy(offsets_.begin(), offsets_.end(), all.indptr.begin());
    all.indices.resize(events_found_);
    thrust::copy_n(events_.begin(), events_found_, all.indices.begin());
    for (std::uint32_t& index : all.indices) index %= pixels_;
    return all;
  }

 private:
  [[nodiscard]] batch_on_device on_device() const {
    return {thrust::raw_pointer_cast(raw_.data()),
            thrust::raw_pointer_cast(dark16_.data()),
            thrust::raw_pointer_cast(limit16_.data()),
            width_,
            pixels_,
            xray16_};
  }

  void make_room() {
    for (auto* words : {&labels_, &sorted_, &events_}) {
      if (words->size() < found_) words->resize(found_);
    }
    if (sums_.size() < found_) sums_.resize(found_);
    offsets_.resize(frames_ + 1);
  }

  /// Each hit gets the number of its component's first hit.
  void label() {
    const thrust::counting_iterator<std::uint32_t> numbers(0);
    thrust::sequence(queue_.policy(), sorted_.begin(), sorted_.begin() + found_);
    std::uint32_t* const parents = thrust::raw_pointer_cast(sorted_.data());
    thrust::for_each(queue_.policy(), numbers, numbers + found_,
                     unite_neighbours{thrust::raw_pointer_cast(hits_.data()), parents, width_, pixels_});
    thrust::transform(queue_.policy(), numbers, numbers + found_, labels_.begin(), find_root{parents});
  }

  /// Hits sorted by label, summed, and made events in order.
  void reduce() {
    thrust::copy_n(queue_.policy(), hits_.begin(), found_, sorted_.begin());
    thrust::stable_sort_by_key(queue_.policy(), labels_.begin(), labels_.begin() + found_, sorted_.begin());
    const auto summed = thrust::make_transform_iterator(sorted_.begin(), sums_of_hit{on_device()});
    const auto ends =
        thrust::reduce_by_key(queue_.policy(), labels_.begin(), labels_.begin() + found_, summed,
                              thrust::make_discard_iterator(), sums_.begin(), thrust::equal_to<std::uint32_t>(), add_sums{});
    const auto components = ends.second - sums_.begin();
    thrust::transform(queue_.policy(), sums_.begin(), sums_.begin() + components, events_.begin(), event_of{width_, pixels_});
    const auto kept = thrust::remove(queue_.policy(), events_.begin(), events_.begin() + components, no_event);
    events_found_ = static_cast<std::uint32_t>(kept - events_.begin());
    xrays_ = static_cast<std::uint64_t>(components) - events_found_;
    thrust::sort(queue_.policy(), events_.begin(), kept);
    const auto frames = thrust::make_transform_iterator(thrust::counting_iterator<std::uint32_t>(0), first_of_frame{pixels_});
    thrust::lower_bound(queue_.policy(), events_.begin(), kept, frames, frames + frames_ + 1, offsets_.begin());
  }

  std::uint32_t width_;
  std::uint32_t pixels_;
  std::int32_t xray16_;
  std::uint32_t frames_ = 0;
  std::uint32_t found_ = 0;
  std::uint32_t events_found_ = 0;
  std::uint64_t xrays_ = 0;
  primitive_queue queue_;
  thrust::device_vector<std::int32_t> dark16_;
  thrust::device_vector<std::int32_t> limit16_;
  thrust::device_vector<std::uint16_t> raw_;
  thrust::device_vector<std::uint32_t> hits_;
  thrust::device_vector<std::uint32_t> labels_;
  thrust::device_vector<std::uint32_t> sorted_;  ///< parents of hits, then hits by label
  thrust::device_vector<component_sums> sums_;
  thrust::device_vector<std::uint32_t> events_;
  thrust::device_vector<std::uint32_t> offsets_;
};

thrust_counting::thrust_counting(const counting_setup& setup, std::size_t most_frames) {
  require_possible(setup, most_frames);
  state_ = std::make_unique<state>(setup, most_frames);
}
thrust_counting::~thrust_counting() = default;

void thrust_counting::upload(std::span<const frame_view> frames) {
  state_->upload(frames);
}

void thrust_counting::count() {
  state_->count();
}

primitive_events thrust_counting::fetch() const {
  return state_->fetch();
}

}  // namespace countem::bench
