// Every stage reads every pixel: O(pixels) per frame, whatever the number of events.
#include "bench/gpu/peers/thrust_reductions.hpp"

#include <thrust/copy.h>
#include <thrust/count.h>
#include <thrust/fill.h>
#include <thrust/for_each.h>
#include <thrust/gather.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/discard_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/reduce.h>
#include <thrust/tabulate.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <countem/error.hpp>

#include "bench/gpu/peers/dense_pixels.hpp"
#include "bench/gpu/peers/primitives.hpp"

namespace countem::bench {

namespace {

using namespace dense;
using index_range = thrust::counting_iterator<std::uint32_t>;

template <class T>
thrust::device_vector<T> on_device(const std::vector<T>& map) {
  return thrust::device_vector<T>(map.begin(), map.end());
}

template <class T>
T* raw(thrust::device_vector<T>& memory) {
  return thrust::raw_pointer_cast(memory.data());
}

/// The most events that one pixel of one frame has.
std::uint64_t most_in_a_pixel(const event_view& events) {
  std::uint64_t most = 0;
  for (std::size_t f = 0; f < events.frames(); ++f) {
    std::uint64_t repeats = 0;
    std::uint32_t before = 0;
    for (const std::uint32_t index : events.events(f)) {
      repeats = index == before ? repeats + 1 : 1;
      before = index;
      most = std::max(most, repeats);
    }
  }
  return most;
}

template <class Pixel>
class thrust_reducer final : public timed_reducer {
 public:
  [[nodiscard]] double seconds() const override { return seconds_; }

 private:
  using frames_type = frames_on_device<Pixel>;

  void do_load() override {
    const std::size_t frames = events().frames();
    const std::size_t chunks = (events().shape.pixels() + frames_type::in_chunk - 1) / frames_type::in_chunk;
    if (frames * chunks > std::numeric_limits<std::uint32_t>::max())
      throw invalid_argument(std::to_string(frames) + " dense frames are 64 GiB or more");
    if (most_in_a_pixel(events()) > frames_type::most)
      throw invalid_argument("a pixel has more events than " + std::to_string(frames_type::bits) + " bits hold");
    chunks_per_frame_ = static_cast<std::uint32_t>(chunks);
    std::vector<std::uint64_t> places;
    places.reserve(events().event_count());
    for (std::size_t f = 0; f < frames; ++f) {
      for (const std::uint32_t index : events().events(f)) places.push_back(f * chunks * frames_type::in_chunk + index);
    }
    words_.resize(frames * chunks * 4);
    thrust::fill(queue_.policy(), words_.begin(), words_.end(), 0U);
    const thrust::device_vector<std::uint64_t> there = on_device(places);
    thrust::for_each(queue_.policy(), there.begin(), there.end(), add_event<Pixel>{raw(words_)});
    queue_.wait();
  }

  [[nodiscard]] frames_type frames() const {
    return {thrust::raw_pointer_cast(words_.data()), chunks_per_frame_, static_cast<std::uint32_t>(events().frames()),
            events().shape.width};
  }
  [[nodiscard]] std::uint32_t chunks() const { return static_cast<std::uint32_t>(words_.size() / 4); }

  /// What the last stage took is what it queues here.
  template <class Queue>
  void timed(Queue queue) {
    queue_.wait();
    const auto start = std::chrono::steady_clock::now();
    queue();
    queue_.wait();
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  /// Calls put(frame, sums) for every frame.
  template <unsigned Count, class Add, class Put>
  void for_sums(Add add, Put put) {
    thrust::device_vector<sums<Count>> of_frames(events().frames());
    const index_range first(0);
    timed([&] {
      const auto keys = thrust::make_transform_iterator(first, frame_of_chunk{chunks_per_frame_});
      const auto values = thrust::make_transform_iterator(first, sums_of_chunk<Pixel, Count, Add>{frames(), add});
      thrust::reduce_by_key(queue_.policy(), keys, keys + chunks(), values, thrust::make_discard_iterator(), of_frames.begin(),
                            thrust::equal_to<std::uint32_t>(), add_sums<Count>());
    });
    std::vector<sums<Count>> here(of_frames.size());
    thrust::copy(of_frames.begin(), of_frames.end(), here.begin());
    for (std::size_t f = 0; f < here.size(); ++f) put(f, here[f].of);
  }

  void do_counts(std::span<std::uint32_t> out) override {
    for_sums<1>(add_all{}, [&](std::size_t f, const wide* found) { out[f] = static_cast<std::uint32_t>(found[0]); });
  }

  template <bool Maximum, class Put>
  void fold(Put put) {
    thrust::device_vector<wide> image(std::size_t{chunks_per_frame_} * frames_type::in_chunk);
    const std::uint32_t slices = (frames().frames + frames_at_once - 1) / frames_at_once;
    const index_range first(0);
    timed([&] {
      thrust::fill(queue_.policy(), image.begin(), image.end(), wide{0});
      thrust::for_each(queue_.policy(), first, first + slices * chunks_per_frame_,
                       fold_frames<Pixel, Maximum>{frames(), raw(image)});
    });
    std::vector<wide> here(events().shape.pixels());
    thrust::copy_n(image.begin(), here.size(), here.begin());
    for (std::size_t p = 0; p < here.size(); ++p) put(p, here[p]);
  }

  void do_add_sum(std::span<std::uint64_t> image) override {
    fold<false>([&](std::size_t p, wide sum) { image[p] += sum; });
  }

  void do_raise_maximum(std::span<std::uint32_t> image) override {
    fold<true>([&](std::size_t p, wide most) { image[p] = std::max(image[p], static_cast<std::uint32_t>(most)); });
  }

  void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) override {
    const std::size_t frames = events().frames();
    double all = 0;
    for (std::size_t d = 0; d < masks.detectors; d += 2) {
      const thrust::device_vector<std::uint8_t> map = on_device(masks.groups[d / detector_masks::per_group]);
      const add_inside add{thrust::raw_pointer_cast(map.data()), static_cast<unsigned>(d % detector_masks::per_group)};
      for_sums<2>(add, [&](std::size_t f, const wide* found) {
        out[d * frames + f] = static_cast<std::uint32_t>(found[0]);
        if (d + 1 < masks.detectors) out[(d + 1) * frames + f] = static_cast<std::uint32_t>(found[1]);
      });
      all += seconds_;
    }
    seconds_ = all;
  }

  void do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) override {
    const thrust::device_vector<std::int32_t> map = on_device(weights.weights);
    for_sums<1>(add_weights{thrust::raw_pointer_cast(map.data())},
                [&](std::size_t f, const wide* found) { out[f] = static_cast<std::int64_t>(found[0]); });
  }

  void do_moments(std::span<event_moments> out) override {
    for_sums<3>(add_places{events().shape.width}, [&](std::size_t f, const wide* found) {
      out[f] = {found[0], found[1], found[2]};
    });
  }

  void do_second_moments(const detector_masks* within, std::span<event_second_moments> out) override {
    thrust::device_vector<std::uint8_t> map;
    if (within != nullptr) map = on_device(within->groups.front());
    const add_second_order add{events().shape.width, within == nullptr ? nullptr : raw(map)};
    for_sums<6>(add, [&](std::size_t f, const wide* found) {
      out[f] = {{found[0], found[1], found[2]}, found[3], found[4], found[5]};
    });
  }

  void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) override {
    thrust::device_vector<std::uint16_t> ring = on_device(rings.ring);
    thrust::device_vector<std::uint32_t> counts(out.size());
    const index_range first(0);
    timed([&] {
      thrust::fill(queue_.policy(), counts.begin(), counts.end(), 0U);
      thrust::for_each(queue_.policy(), first, first + chunks(),
                       add_to_rings<Pixel>{frames(), raw(ring), rings.rings, raw(counts)});
    });
    thrust::copy(counts.begin(), counts.end(), out.begin());
  }

  /// Dense frames of the device as events.
  template <class Count>
  void to_events(const thrust::device_vector<Count>& dense, std::size_t pixels, event_batch& out) {
    const auto found = thrust::count_if(queue_.policy(), dense.begin(), dense.end(), has_events());
    thrust::device_vector<std::uint64_t> places(static_cast<std::size_t>(found));
    thrust::device_vector<Count> counts(places.size());
    const thrust::counting_iterator<std::uint64_t> first(0);
    thrust::copy_if(queue_.policy(), first, first + static_cast<std::ptrdiff_t>(dense.size()), dense.begin(), places.begin(),
                    has_events());
    thrust::gather(queue_.policy(), places.begin(), places.end(), dense.begin(), counts.begin());
    queue_.wait();
    std::vector<std::uint64_t> here(places.size());
    std::vector<Count> events_here(counts.size());
    thrust::copy(places.begin(), places.end(), here.begin());
    thrust::copy(counts.begin(), counts.end(), events_here.begin());
    out.indices.clear();
    out.indptr.assign(1, 0);
    std::size_t i = 0;
    for (std::size_t f = 0; f < events().frames(); ++f) {
      for (; i < here.size() && here[i] / pixels == f; ++i)
        out.indices.insert(out.indices.end(), events_here[i], static_cast<std::uint32_t>(here[i] % pixels));
      out.indptr.push_back(out.indices.size());
    }
  }

  void do_bin(std::uint32_t factor, event_batch& out) override {
    using sum = std::conditional_t<sizeof(Pixel) == 1, std::uint16_t, std::uint32_t>;
    if (sizeof(sum) == 2 && factor > 16)
      throw invalid_argument("sums of more than 16 x 16 pixels of 8 bits could leave 16 bits");
    const frame_shape to = binned(events().shape, factor);
    thrust::device_vector<sum> frames_out(events().frames() * to.pixels());
    timed([&] {
      thrust::tabulate(queue_.policy(), frames_out.begin(), frames_out.end(),
                       binned_pixel<Pixel, sum>{frames(), events().shape, to, factor});
    });
    to_events(frames_out, to.pixels(), out);
  }

  void do_crop(const detector_window& window, event_batch& out) override {
    thrust::device_vector<Pixel> frames_out(events().frames() * window.shape.pixels());
    timed([&] {
      thrust::tabulate(queue_.policy(), frames_out.begin(), frames_out.end(), cropped_pixel<Pixel>{frames(), window});
    });
    to_events(frames_out, window.shape.pixels(), out);
  }

  primitive_queue queue_;
  thrust::device_vector<std::uint32_t> words_;
  std::uint32_t chunks_per_frame_ = 0;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<timed_reducer> make_thrust_reducer(pixel_type counts) {
  switch (counts) {
    case pixel_type::u8: return std::make_unique<thrust_reducer<std::uint8_t>>();
    case pixel_type::u16: return std::make_unique<thrust_reducer<std::uint16_t>>();
    default: throw invalid_argument("dense frames of events are u8 or u16");
  }
}

}  // namespace countem::bench
