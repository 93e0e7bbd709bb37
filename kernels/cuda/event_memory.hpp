#pragma once

#include <cstdint>

#include <countem/counting.hpp>

#include "kernels/cuda/batch_sizes.hpp"

/// The device memory that turns hits into sorted events, in groups by purpose. Plain structs of device pointers and numbers,
/// passed to kernels by value. Nothing here owns anything.
namespace countem::cuda {

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

/// Sums over a component that only labels can hold together; a coordinate's sum has 128 bits in two halves.
struct label_sums {
  unsigned long long charge;
  unsigned long long row_low, row_high;
  unsigned long long column_low, column_high;
  unsigned long long size;
  std::uint32_t xray;
  std::uint32_t owner;  ///< not 0: the root is the component's first pixel
};

/// Events per bucket, and what orders them.
struct bucket_memory {
  std::uint32_t* counts = nullptr;   ///< frames * buckets + 1; the last stays 0
  std::uint32_t* offsets = nullptr;  ///< exclusive scan of counts; the last is the number of events
};

/// Roots whose component overflows a window. More than `capacity` are counted but not kept.
struct root_list {
  root* roots = nullptr;
  std::uint32_t capacity = 0;
};

/// What holds components together that overflow a warp's window.
struct label_memory {
  std::uint32_t* labels = nullptr;  ///< frames * pixels; null until a component that overflows a warp's window is met
  std::uint32_t* slots = nullptr;   ///< frames * pixels: which label_sums a component adds to
  label_sums* sums = nullptr;       ///< one per root in component_memory::warp_overflow
  std::uint32_t* needed = nullptr;  ///< per frame: not 0 where a component overflows a warp's window
};

/// What is found, in the order of discovery (methods cluster and peaks), and what overflows (cluster).
struct component_memory {
  found_event* found = nullptr;        ///< event_output::capacity
  sortable_event* bucketed = nullptr;  ///< event_output::capacity
  root_list thread_overflow;           ///< components that overflow a thread's window
  root_list warp_overflow;             ///< components that overflow a warp's window
  label_memory labels;
};

/// The batch's events in order, and what is reported about them.
struct event_output {
  batch_totals* totals = nullptr;
  /// Per frame: events of method counts, with 64 bits since pixels bound nothing. `unsigned long long` for atomics.
  unsigned long long* counted = nullptr;
  std::uint32_t* indptr = nullptr;  ///< frames + 1
  std::uint32_t* xrays = nullptr;   ///< frames
  std::uint32_t* indices = nullptr;
  std::uint32_t* values = nullptr;  ///< null when no value is kept
  std::uint32_t capacity = 0;       ///< most events that the batch has room for; more are counted but not kept
};

struct event_memory {
  counting_options options;
  event_layout layout;
  bucket_memory buckets;
  std::uint32_t* maxima = nullptr;  ///< bit image of the maxima (method maximum)
  component_memory components;
  event_output out;
};

}  // namespace countem::cuda
