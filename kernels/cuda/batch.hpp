#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include <countem/counting.hpp>

/// What the kernels are given: plain structs of device pointers and numbers, passed by value. Nothing here owns anything.
namespace countem::cuda {

/// A calibration in device memory. Null: the same for every pixel (dark 0, gain 1, nothing masked, background16).
struct calibration_view {
  const std::int32_t* dark16 = nullptr;
  const float* gain = nullptr;
  const std::uint8_t* mask = nullptr;  ///< not 0: the pixel has no charge; pixels of unusable gain are masked too
  const std::int32_t* pixel_background16 = nullptr;
  std::int32_t background16 = 0;
  std::int32_t xray16 = no_xray_threshold;
};

/// A batch of raw frames in device memory and its bit image: one bit a pixel, set for hits. A row of bits starts at a 32-bit
/// word, the last word of a row is filled up with zeros.
struct batch_view {
  std::uint32_t frames = 0;
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint32_t words_per_row = 0;
  std::uint64_t pixels = 0;  ///< of a frame
  std::uint64_t words = 0;   ///< of a frame
  pixel_type type = pixel_type::u16;

  const void* raw = nullptr;               ///< frames * pixels
  const std::uint8_t* arrivals = nullptr;  ///< per frame: what arrived of it, see arrival()
  calibration_view calibrated;
  const void* limits = nullptr;  ///< least raw value that is a hit (hits.cuh): one, or one per pixel
  bool limit_per_pixel = false;
  row_noise_method row_noise = row_noise_method::none;
  std::int32_t* noise16 = nullptr;  ///< frames * height * 2: the charge to subtract from each half-row; null without row noise
  std::uint32_t* bits = nullptr;    ///< frames * words
};

/// frame_view's split and present in one byte.
constexpr std::uint8_t arrival(sector_split split, std::uint8_t present) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(split) << 4 | (present & all_sectors));
}

/// Numbers that the device reports about a batch, at the head of the report that crosses back to the host.
struct batch_totals {
  std::uint32_t found = 0;   ///< events found by method cluster, also those that the list had no room for
  std::uint32_t wide = 0;    ///< roots that needed a warp's window
  std::uint32_t giant = 0;   ///< roots that needed labels
  std::uint32_t events = 0;  ///< events of the batch
};

/// A hit without a hit before it among its neighbours: where a component may begin.
struct root {
  std::uint32_t frame;
  std::uint32_t row;
  std::uint32_t column;
};

/// An event on its way to its place in the frame's order.
struct found_event {
  std::uint32_t frame;
  std::uint32_t index;
  std::uint32_t value;
  std::uint32_t slot;  ///< its number in its bucket, in the order of discovery
};

struct sortable_event {
  std::uint32_t index;
  std::uint32_t value;
};

/// Sums over a component that only labels can hold together; a coordinate's sum is 128 bits wide in two halves.
struct giant_sums {
  unsigned long long charge;
  unsigned long long row_low, row_high;
  unsigned long long column_low, column_high;
  unsigned long long size;
  std::uint32_t xray;
  std::uint32_t owner;  ///< not 0: the root is the component's first pixel
};

/// The memory that turns hits into sorted events. A bucket is a stretch of the event grid short enough to sort by comparing its
/// events with each other; for methods pixels and maximum it is a word of the bit image.
struct event_memory {
  counting_options options;
  std::uint32_t grid_width = 0;     ///< columns of the event grid
  std::uint32_t segment_width = 0;  ///< columns of a bucket
  std::uint32_t segments_per_row = 0;
  std::uint64_t buckets = 0;  ///< of a frame

  std::uint32_t* counts = nullptr;   ///< frames * buckets + 1; the last stays 0
  std::uint32_t* offsets = nullptr;  ///< exclusive scan of counts; the last is the number of events
  std::uint32_t* maxima = nullptr;   ///< bit image of the maxima (method maximum)

  found_event* found = nullptr;        ///< capacity
  sortable_event* bucketed = nullptr;  ///< capacity
  root* wide = nullptr;
  std::uint32_t wide_capacity = 0;
  root* giant = nullptr;
  std::uint32_t giant_capacity = 0;
  std::uint32_t* labels = nullptr;       ///< frames * pixels; null until a component too large for a window is met
  std::uint32_t* giant_slots = nullptr;  ///< frames * pixels: which giant_sums a component adds to
  giant_sums* giant_totals = nullptr;    ///< giant_capacity
  std::uint32_t* has_giant = nullptr;    ///< per frame

  batch_totals* totals = nullptr;
  std::uint32_t* indptr = nullptr;  ///< frames + 1
  std::uint32_t* xrays = nullptr;   ///< frames
  std::uint32_t* indices = nullptr;
  std::uint32_t* values = nullptr;  ///< null when no value is kept
  std::uint32_t capacity = 0;       ///< most events that the batch has room for; more are counted but not kept
};

// The stages, in the order in which a batch goes through them. Each queues its kernels on the stream and returns.

/// Fills `limits` from the calibration; once for all batches.
void find_limits(const batch_view& batch, void* limits, cudaStream_t stream);
/// Raw pixels -> batch.noise16 where row noise is asked for, and batch.bits.
void find_hits(const batch_view& batch, cudaStream_t stream);
/// Method cluster: hits -> found events and bucket counts. `multiprocessors` sizes the kernels that walk lists.
void find_components(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream);
/// Method maximum: hits -> events.maxima and bucket counts. Method pixels: bucket counts.
void count_hit_events(const batch_view& batch, const event_memory& events, cudaStream_t stream);
/// Bytes of scratch memory that scan_counts needs for so many counts.
[[nodiscard]] std::size_t scan_scratch_bytes(std::uint64_t size);
/// Bucket counts -> offsets: offsets[i] is the sum of the counts before i.
void scan_counts(void* scratch, std::size_t scratch_bytes, const std::uint32_t* counts, std::uint32_t* offsets,
                 std::uint64_t size, cudaStream_t stream);
/// Offsets -> indices, values and indptr, in order.
void place_events(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream);

}  // namespace countem::cuda
