#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include <countem/reductions.hpp>

/// What the reduction kernels are given, and the stages that queue them; see countem/reductions.hpp for what each computes.
namespace countem::cuda {

/// Events in device memory: those of frame f are indices[indptr[f]] up to indices[indptr[f + 1]], ascending.
struct event_list {
  const std::uint64_t* indptr = nullptr;
  const std::uint32_t* indices = nullptr;
  std::uint32_t frames = 0;
  std::uint32_t height = 0;
  std::uint32_t width = 0;
};

/// Adds to image[pixel].
void add_sum(const event_list& events, unsigned long long* image, cudaStream_t stream);
/// Raises image[pixel].
void raise_maximum(const event_list& events, std::uint32_t* image, cudaStream_t stream);
/// One group of detectors: out[d * frames + frame] for its first `detectors` bits.
void virtual_counts(const event_list& events, const std::uint8_t* masks, std::uint32_t detectors, std::uint32_t* out,
                    cudaStream_t stream);
void weighted_counts(const event_list& events, const std::int32_t* weights, std::int64_t* out, cudaStream_t stream);
void moments(const event_list& events, event_moments* out, cudaStream_t stream);
/// Of the events whose byte of `inside` has its lowest bit set; null: of all.
void second_moments(const event_list& events, const std::uint8_t* inside, event_second_moments* out, cudaStream_t stream);
/// Adds to out[frame * rings + ring].
void radial_counts(const event_list& events, const std::uint16_t* ring, std::uint32_t rings, std::uint32_t* out,
                   cudaStream_t stream);
/// Writes every frame's events where they were, binned and in order again.
void bin(const event_list& events, std::uint32_t factor, std::uint32_t* out, cudaStream_t stream);
/// counts[frame]: events inside the window.
void count_inside(const event_list& events, const detector_window& window, std::uint32_t* counts, cudaStream_t stream);
/// Writes the events inside the window from out[starts[frame]] on.
void crop(const event_list& events, const detector_window& window, const std::uint64_t* starts, std::uint32_t* out,
          cudaStream_t stream);

}  // namespace countem::cuda
