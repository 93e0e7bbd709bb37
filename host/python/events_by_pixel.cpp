#include "host/python/events_by_pixel.hpp"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <string>

#include <countem/error.hpp>

#include "host/engine/threads.hpp"

namespace countem::python {

namespace {

constexpr std::size_t sorting_blocks = 32;              // of pixels; what one writes to stays in a core's cache
constexpr std::uint64_t worth_a_thread = 400'000;       // electrons or positions
constexpr std::uint64_t position_cost_of_electron = 8;  // adding a whole image is that much faster, per number

void check_sizes(std::size_t given, std::size_t expected, const char* what) {
  if (given != expected)
    throw invalid_argument(std::string(what) + " has " + std::to_string(given) + " elements, the scan needs " +
                           std::to_string(expected));
}

}  // namespace

/// Pixels and whole tiles to add (1) or to subtract (all ones: arithmetic is modulo 2^32, and results are not negative).
struct events_by_pixel::changed_pixels {
  struct change {
    std::size_t which;  // pixel, or image of a tile
    bool whole_tile;
    std::uint32_t sign;
    std::uint64_t cost;  // in electrons
  };
  std::vector<change> list;
  std::uint64_t cost = 0;

  void add(std::size_t which, bool whole_tile, std::uint32_t sign, std::uint64_t takes) {
    list.push_back({which, whole_tile, sign, takes});
    cost += takes;
  }
};

template <class Visit>
void events_by_pixel::for_tile(std::size_t tile, const Visit& visit) const {
  const std::size_t top = tile / tiles_across_ * tile_side;
  const std::size_t left = tile % tiles_across_ * tile_side;
  const std::size_t bottom = std::min<std::size_t>(top + tile_side, shape_.height);
  const std::size_t right = std::min<std::size_t>(left + tile_side, shape_.width);
  for (std::size_t row = top; row < bottom; ++row)
    for (std::size_t column = left; column < right; ++column) visit(row * shape_.width + column);
}

events_by_pixel::events_by_pixel(frame_shape shape, std::uint32_t frames_per_position, std::span<const std::uint64_t> indptr,
                                 std::span<const std::uint32_t> indices, unsigned threads)
    : shape_(shape),
      frames_per_position_(frames_per_position),
      threads_(threads),
      positions_(0),
      tiles_across_((shape.width + tile_side - 1) / tile_side),
      tiles_(tiles_across_ * ((shape.height + tile_side - 1) / tile_side)),
      begins_(shape.pixels() + 1),
      tile_image_(tiles_, no_image) {
  if (indptr.empty() || frames_per_position == 0 || (indptr.size() - 1) % frames_per_position != 0)
    throw invalid_argument("the frames are no whole positions");
  if (indptr.front() != 0 || indptr.back() != indices.size() || !std::is_sorted(indptr.begin(), indptr.end()))
    throw invalid_argument("indptr and indices contradict each other");
  if (std::any_of(indices.begin(), indices.end(), [&](std::uint32_t index) { return index >= shape.pixels(); }))
    throw invalid_argument("an electron lies beyond the detector");
  positions_ = (indptr.size() - 1) / frames_per_position;
  at_ = buffer<std::uint32_t>(indices.size());
  engine::run_with(threads, [&] {
    sort_by_pixel(indptr, indices);
    make_tile_images();
  });
}

void events_by_pixel::sort_by_pixel(std::span<const std::uint64_t> indptr, std::span<const std::uint32_t> indices) {
  const std::size_t all = pixels();
  const auto for_blocks = [&](const auto& visit) {
    oneapi::tbb::parallel_for(std::size_t{0}, sorting_blocks, [&](std::size_t block) {
      const auto first = static_cast<std::uint32_t>(all * block / sorting_blocks);
      const auto end = static_cast<std::uint32_t>(all * (block + 1) / sorting_blocks);
      for (std::size_t frame = 0; frame + 1 < indptr.size(); ++frame) {
        const std::uint32_t* const last = indices.data() + indptr[frame + 1];
        const auto position = static_cast<std::uint32_t>(frame / frames_per_position_);
        const std::uint32_t* one = std::lower_bound(indices.data() + indptr[frame], last, first);
        for (; one != last && *one < end; ++one) visit(*one, position);
      }
    });
  };
  for_blocks([&](std::uint32_t pixel, std::uint32_t) { ++begins_[pixel + 1]; });
  for (std::size_t pixel = 0; pixel < all; ++pixel) begins_[pixel + 1] += begins_[pixel];
  std::vector<std::uint64_t> next(begins_.begin(), begins_.end() - 1);
  for_blocks([&](std::uint32_t pixel, std::uint32_t position) { at_.data[next[pixel]++] = position; });
}

void events_by_pixel::make_tile_images() {
  std::size_t images = 0;
  for (std::size_t tile = 0; tile < tiles_; ++tile) {
    std::uint64_t within = 0;
    for_tile(tile, [&](std::size_t pixel) { within += electrons(pixel); });
    if (within > positions_) tile_image_[tile] = images++;
  }
  images_ = buffer<std::uint32_t>(images * positions_);
  oneapi::tbb::parallel_for(std::size_t{0}, tiles_, [&](std::size_t tile) {
    if (tile_image_[tile] == no_image) return;
    std::uint32_t* const image = images_.data.get() + tile_image_[tile] * positions_;
    std::fill_n(image, positions_, 0U);
    for_tile(tile, [&](std::size_t pixel) {
      for (std::uint64_t i = begins_[pixel]; i < begins_[pixel + 1]; ++i) ++image[at_.data[i]];
    });
  });
}

void events_by_pixel::plan_tile(std::size_t tile, std::span<const std::uint8_t> before, std::span<const std::uint8_t> now,
                                changed_pixels& changes) const {
  // Electrons of pixels that come, that go, and that stay as they are.
  std::uint64_t come = 0;
  std::uint64_t go = 0;
  std::uint64_t stay = 0;
  bool any = false;
  for_tile(tile, [&](std::size_t pixel) {
    const int change = int{now[pixel] != 0} - int{before[pixel] != 0};
    (change > 0 ? come : change < 0 ? go : stay) += electrons(pixel);
    any = any || change != 0;
  });
  if (!any) return;
  int whole = 0;  // the tile's image first: then pixels are what differs from that
  if (tile_image_[tile] != no_image) {
    const std::uint64_t image = positions_ / position_cost_of_electron;
    const std::uint64_t plain = come + go;
    const std::uint64_t adding = image + stay + 2 * go;
    const std::uint64_t subtracting = image + stay + 2 * come;
    if (adding < plain && adding <= subtracting) whole = 1;
    if (subtracting < plain && subtracting < adding) whole = -1;
    if (whole != 0) changes.add(tile_image_[tile], true, static_cast<std::uint32_t>(whole), image);
  }
  for_tile(tile, [&](std::size_t pixel) {
    const int left = int{now[pixel] != 0} - int{before[pixel] != 0} - whole;
    if (left != 0 && electrons(pixel) != 0) changes.add(pixel, false, static_cast<std::uint32_t>(left), electrons(pixel));
  });
}

void events_by_pixel::apply(const changed_pixels& changes, std::size_t first, std::size_t end, std::uint32_t* image) const {
  for (std::size_t i = first; i < end; ++i) {
    const changed_pixels::change& one = changes.list[i];
    if (one.whole_tile) {
      const std::uint32_t* const tile = images_.data.get() + one.which * positions_;
      for (std::size_t position = 0; position < positions_; ++position) image[position] += one.sign * tile[position];
    } else {
      for (std::uint64_t at = begins_[one.which]; at < begins_[one.which + 1]; ++at) image[at_.data[at]] += one.sign;
    }
  }
}

void events_by_pixel::change(std::span<const std::uint8_t> before, std::span<const std::uint8_t> now,
                             std::span<std::uint32_t> image) const {
  check_sizes(before.size(), pixels(), "the mask before");
  check_sizes(now.size(), pixels(), "the mask");
  check_sizes(image.size(), positions_, "the image");
  changed_pixels changes;
  for (std::size_t tile = 0; tile < tiles_; ++tile) plan_tile(tile, before, now, changes);
  if (changes.cost < 2 * std::max<std::uint64_t>(worth_a_thread, positions_)) {
    apply(changes, 0, changes.list.size(), image.data());
    return;
  }
  engine::run_with(threads_, [&] {
    oneapi::tbb::enumerable_thread_specific<std::vector<std::uint32_t>> parts(
        [&] { return std::vector<std::uint32_t>(positions_); });
    oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<std::size_t>(0, changes.list.size()),
                              [&](const auto& range) { apply(changes, range.begin(), range.end(), parts.local().data()); });
    for (const std::vector<std::uint32_t>& part : parts)
      for (std::size_t position = 0; position < positions_; ++position) image[position] += part[position];
  });
}

std::size_t events_by_pixel::bytes() const {
  return (at_.size + images_.size) * sizeof(std::uint32_t) + begins_.size() * sizeof(std::uint64_t);
}

}  // namespace countem::python
