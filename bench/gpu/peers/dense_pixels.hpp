#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <vector_types.h>

#include <countem/reductions.hpp>

#include "bench/gpu/peers/primitives.hpp"

// What thrust_reductions.cu does to the pixels of dense frames.
namespace countem::bench::dense {

using wide = unsigned long long;

/// What the functors read. Each frame begins on 16 bytes and is filled up with pixels that have no events.
template <class Pixel>
struct frames_on_device {
  static constexpr unsigned bits = 8 * sizeof(Pixel);
  static constexpr unsigned in_word = sizeof(std::uint32_t) / sizeof(Pixel);
  static constexpr unsigned in_chunk = 4 * in_word;
  static constexpr std::uint32_t most = std::numeric_limits<Pixel>::max();

  const std::uint32_t* words;
  std::uint32_t chunks_per_frame;  ///< of 16 bytes
  std::uint32_t frames;
  std::uint32_t width;

  __host__ __device__ uint4 chunk(std::size_t i) const { return reinterpret_cast<const uint4*>(words)[i]; }

  __host__ __device__ std::uint32_t at(std::uint32_t frame, std::uint32_t row, std::uint32_t column) const {
    const std::size_t pixel = std::size_t{frame} * chunks_per_frame * in_chunk + std::size_t{row} * width + column;
    return (words[pixel / in_word] >> (bits * (pixel % in_word))) & most;
  }
};

/// Calls visit(pixel of the chunk, its events) wherever there are events.
template <class Pixel, class Visit>
__host__ __device__ void for_pixels(uint4 chunk, Visit visit) {
  using frames = frames_on_device<Pixel>;
  const std::uint32_t words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
  for (unsigned w = 0; w < 4; ++w) {
    if (words[w] == 0) continue;
    for (unsigned p = 0; p < frames::in_word; ++p) {
      const std::uint32_t events = (words[w] >> (frames::bits * p)) & frames::most;
      if (events != 0) visit(w * frames::in_word + p, events);
    }
  }
}

/// One more event at a pixel, counted from the first of the first frame.
template <class Pixel>
struct add_event {
  std::uint32_t* words;
  __host__ __device__ void operator()(std::uint64_t pixel) const {
    using frames = frames_on_device<Pixel>;
    const auto one = std::uint32_t{1} << (frames::bits * (pixel % frames::in_word));
    shared_word(words[pixel / frames::in_word]).fetch_add(one, ::cuda::memory_order_relaxed);
  }
};

template <unsigned Count>
struct sums {
  wide of[Count] = {};
};

template <unsigned Count>
struct add_sums {
  __host__ __device__ sums<Count> operator()(sums<Count> a, const sums<Count>& b) const {
    for (unsigned i = 0; i < Count; ++i) a.of[i] += b.of[i];
    return a;
  }
};

struct frame_of_chunk {
  std::uint32_t chunks_per_frame;
  __host__ __device__ std::uint32_t operator()(std::uint32_t chunk) const { return chunk / chunks_per_frame; }
};

/// What a chunk adds to the sums of its frame.
template <class Pixel, unsigned Count, class Add>
struct sums_of_chunk {
  frames_on_device<Pixel> frames;
  Add add;
  __host__ __device__ sums<Count> operator()(std::uint32_t i) const {
    sums<Count> found;
    const std::uint32_t first = i % frames.chunks_per_frame * frames.in_chunk;
    for_pixels<Pixel>(frames.chunk(i), [&](std::uint32_t p, std::uint32_t events) { add(found.of, first + p, events); });
    return found;
  }
};

struct add_all {
  __host__ __device__ void operator()(wide* found, std::uint32_t, std::uint32_t events) const { found[0] += events; }
};

/// Of two detectors at once, so that two cost one pass.
struct add_inside {
  const std::uint8_t* map;
  unsigned bit;
  __host__ __device__ void operator()(wide* found, std::uint32_t pixel, std::uint32_t events) const {
    const unsigned inside = static_cast<unsigned>(map[pixel]) >> bit;
    found[0] += events * (inside & 1U);
    found[1] += events * (inside >> 1U & 1U);
  }
};

struct add_weights {
  const std::int32_t* weights;
  __host__ __device__ void operator()(wide* found, std::uint32_t pixel, std::uint32_t events) const {
    found[0] += static_cast<wide>(static_cast<long long>(events) * weights[pixel]);
  }
};

struct add_places {
  std::uint32_t width;
  __host__ __device__ void operator()(wide* found, std::uint32_t pixel, std::uint32_t events) const {
    found[0] += events;
    found[1] += wide{events} * (pixel / width);
    found[2] += wide{events} * (pixel % width);
  }
};

struct add_second_order {
  std::uint32_t width;
  const std::uint8_t* within;  ///< null: everywhere
  __host__ __device__ void operator()(wide* found, std::uint32_t pixel, std::uint32_t events) const {
    if (within != nullptr && (within[pixel] & 1U) == 0) return;
    const wide row = pixel / width;
    const wide column = pixel % width;
    found[0] += events;
    found[1] += events * row;
    found[2] += events * column;
    found[3] += events * row * row;
    found[4] += events * row * column;
    found[5] += events * column * column;
  }
};

/// So many frames are added up before the sum goes to memory that others add to.
constexpr std::uint32_t frames_at_once = 256;

/// One chunk of the image, over some of the frames.
template <class Pixel, bool Maximum>
struct fold_frames {
  frames_on_device<Pixel> frames;
  wide* image;
  __host__ __device__ void operator()(std::uint32_t i) const {
    const std::uint32_t chunk = i % frames.chunks_per_frame;
    const std::uint32_t first = i / frames.chunks_per_frame * frames_at_once;
    const std::uint32_t end = first + frames_at_once < frames.frames ? first + frames_at_once : frames.frames;
    std::uint32_t folded[frames_on_device<Pixel>::in_chunk] = {};
    for (std::uint32_t f = first; f < end; ++f) {
      for_pixels<Pixel>(frames.chunk(std::size_t{f} * frames.chunks_per_frame + chunk),
                        [&](std::uint32_t p, std::uint32_t events) {
                          if constexpr (Maximum) {
                            folded[p] = folded[p] < events ? events : folded[p];
                          } else {
                            folded[p] += events;
                          }
                        });
    }
    for (std::uint32_t p = 0; p < frames.in_chunk; ++p) {
      if (folded[p] == 0) continue;
      const auto pixel = shared_word(image[chunk * frames.in_chunk + p]);
      if constexpr (Maximum) {
        pixel.fetch_max(folded[p], ::cuda::memory_order_relaxed);
      } else {
        pixel.fetch_add(folded[p], ::cuda::memory_order_relaxed);
      }
    }
  }
};

template <class Pixel>
struct add_to_rings {
  frames_on_device<Pixel> frames;
  const std::uint16_t* ring;
  std::uint32_t rings;
  std::uint32_t* out;
  __host__ __device__ void operator()(std::uint32_t i) const {
    const std::uint32_t first = i % frames.chunks_per_frame * frames.in_chunk;
    std::uint32_t* const of_frame = out + std::size_t{i / frames.chunks_per_frame} * rings;
    for_pixels<Pixel>(frames.chunk(i), [&](std::uint32_t p, std::uint32_t events) {
      const std::uint16_t at = ring[first + p];
      if (at != ring_map::outside) shared_word(of_frame[at]).fetch_add(events, ::cuda::memory_order_relaxed);
    });
  }
};

/// Pixel i of all binned frames.
template <class Pixel, class Sum>
struct binned_pixel {
  frames_on_device<Pixel> frames;
  frame_shape from;
  frame_shape to;
  std::uint32_t factor;
  __host__ __device__ Sum operator()(std::size_t i) const {
    const auto pixels = std::size_t{to.height} * to.width;
    const auto frame = static_cast<std::uint32_t>(i / pixels);
    const auto pixel = static_cast<std::uint32_t>(i % pixels);
    const std::uint32_t row = pixel / to.width * factor;
    const std::uint32_t column = pixel % to.width * factor;
    std::uint32_t sum = 0;
    for (std::uint32_t r = row; r < row + factor && r < from.height; ++r) {
      for (std::uint32_t c = column; c < column + factor && c < from.width; ++c) sum += frames.at(frame, r, c);
    }
    return static_cast<Sum>(sum);
  }
};

/// Pixel i of all frames of the window.
template <class Pixel>
struct cropped_pixel {
  frames_on_device<Pixel> frames;
  detector_window window;
  __host__ __device__ Pixel operator()(std::size_t i) const {
    const auto pixels = std::size_t{window.shape.height} * window.shape.width;
    const auto pixel = static_cast<std::uint32_t>(i % pixels);
    return static_cast<Pixel>(frames.at(static_cast<std::uint32_t>(i / pixels), window.row + pixel / window.shape.width,
                                        window.column + pixel % window.shape.width));
  }
};

struct has_events {
  __host__ __device__ bool operator()(std::uint32_t events) const { return events != 0; }
};

}  // namespace countem::bench::dense
