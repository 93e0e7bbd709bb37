#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/batch.hpp"
#include "kernels/cuda/event_memory.hpp"

/// The stages of counting, in the order in which a batch goes through them. Each queues its kernels on the stream and returns.
namespace countem::cuda {

/// Raw pixels -> batch.noise16.
void find_noise(const batch_view& batch, cudaStream_t stream);

/// Raw pixels -> batch.noise16 where it is there, and batch.bits.
void find_hits(const batch_view& batch, cudaStream_t stream);

/// What a counting method does with the hits. Each queues its kernels; `multiprocessors` sizes those that walk lists.
using method_stage = void(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream);

/// A counting method: what it does before and after the scan of the counts.
struct method_stages {
  method_stage* count;  ///< hits -> bucket counts, and what is found on the way
  method_stage* place;  ///< offsets -> indices and values, in order
};
/// The table of methods (methods.cpp).
[[nodiscard]] method_stages stages_of(counting_method method);

method_stage find_components;       ///< cluster
method_stage find_peaks;            ///< peaks
method_stage place_found_events;    ///< cluster, peaks
method_stage count_hit_events;      ///< maximum (makes events.maxima too), pixels
method_stage place_hit_events;      ///< maximum, pixels
method_stage count_multiplicities;  ///< counts
method_stage place_multiplicities;  ///< counts

/// The part of find_components() for components that overflow a warp's window; frames without any leave each kernel at once.
void find_labelled_components(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream);

/// Bytes of scratch memory that scan_counts needs for so many counts.
[[nodiscard]] std::size_t scan_scratch_bytes(std::uint64_t size);
/// Bucket counts -> offsets: offsets[i] is the sum of the counts before i.
void scan_counts(void* scratch, std::size_t scratch_bytes, const std::uint32_t* counts, std::uint32_t* offsets,
                 std::uint64_t size, cudaStream_t stream);
/// Offsets -> indptr and the batch's total.
void report_events(const batch_view& batch, const event_memory& events, cudaStream_t stream);

}  // namespace countem::cuda
