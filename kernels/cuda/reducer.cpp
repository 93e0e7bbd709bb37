// The host side of the reductions.
#include "kernels/cuda/reducer.hpp"

#include <algorithm>
#include <string>

#include <countem/devices.hpp>
#include <countem/error.hpp>

#include "kernels/cuda/nvtx_range.hpp"

namespace countem::cuda {

event_list device_reducer::list() const {
  return {indptr_.data(), indices_, static_cast<std::uint32_t>(events().frames()), events().shape.height, events().shape.width};
}

/// One value a pixel of the event grid, in device memory until the next one, or for good where maps are kept.
template <class T>
const T* device_reducer::upload_map(const std::vector<T>& map) {
  if (kept_ != nullptr) return reinterpret_cast<const T*>(kept_->on_device(std::as_bytes(std::span(map)), stream_));
  map_.reserve(map.size() * sizeof(T));
  T* const there = reinterpret_cast<T*>(map_.data());
  transfer_.upload(std::span<const T>(map), there, stream_);
  return there;
}

/// What `queue` makes of `size` zeros in device memory, in pinned memory until the next call.
template <class T, class Queue>
std::span<const T> device_reducer::run(std::size_t size, Queue queue) {
  const nvtx_range range("reduce");
  const std::size_t bytes = size * sizeof(T);
  out_.reserve(bytes);
  result_.reserve(bytes);
  T* const there = reinterpret_cast<T*>(out_.data());
  T* const here = reinterpret_cast<T*>(result_.data());
  fill_with_zeros(there, size, stream_);
  if (events().frames() != 0) queue(there);
  copy_to_host(there, here, size, stream_);
  stream_.synchronize();
  return {here, size};
}

/// Slices of a scan share its indices: on the device the slice begins at 0.
void device_reducer::upload_starts() {
  const std::size_t frames = events().frames();
  if (frames > 0xffff'ffffU)
    throw cuda_error("more than 2^32 - 1 frames cannot be reduced at once on a device; reduce them in parts");
  std::vector<std::uint64_t> indptr(events().indptr.begin(), events().indptr.end());
  for (std::uint64_t& start : indptr) start -= events().indptr.front();
  indptr_.reserve(indptr.size());
  transfer_.upload(std::span<const std::uint64_t>(indptr), indptr_.data(), stream_);
}

void device_reducer::load_resident(const event_view& events, const std::uint32_t* indices) {
  take(events);
  upload_starts();
  indices_ = indices;
}

void device_reducer::add_to(kept_patterns& patterns) const {
  patterns.add(list(), stream_);
}

void device_reducer::do_keep_maps() {
  if (kept_ == nullptr) kept_ = std::make_shared<kept_maps>();
}

void device_reducer::do_load() {
  upload_starts();
  loaded_.reserve(events().event_count());
  transfer_.upload(events().events(), loaded_.data(), stream_);
  indices_ = loaded_.data();
}

void device_reducer::do_counts(std::span<std::uint32_t> out) {
  // Differences of indptr, which the host has: nothing to ask the device for.
  for (std::size_t f = 0; f < out.size(); ++f) out[f] = static_cast<std::uint32_t>(events().indptr[f + 1] - events().indptr[f]);
}

void device_reducer::do_add_sum(std::span<std::uint64_t> image) {
  const auto found =
      run<unsigned long long>(image.size(), [&](unsigned long long* out) { cuda::add_sum(list(), out, stream_.get()); });
  for (std::size_t p = 0; p < image.size(); ++p) image[p] += found[p];
}

void device_reducer::do_raise_maximum(std::span<std::uint32_t> image) {
  const auto found =
      run<std::uint32_t>(image.size(), [&](std::uint32_t* out) { cuda::raise_maximum(list(), out, stream_.get()); });
  for (std::size_t p = 0; p < image.size(); ++p) image[p] = std::max(image[p], found[p]);
}

void device_reducer::do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) {
  const std::size_t frames = events().frames();
  for (std::size_t group = 0; group < masks.groups.size(); ++group) {
    const std::size_t first = group * detector_masks::per_group;
    const std::size_t detectors = std::min(detector_masks::per_group, masks.detectors - first);
    const std::uint8_t* const map = upload_map(masks.groups[group]);
    const auto found = run<std::uint32_t>(detectors * frames, [&](std::uint32_t* counts) {
      cuda::virtual_counts(list(), map, static_cast<std::uint32_t>(detectors), counts, stream_.get());
    });
    std::ranges::copy(found, out.begin() + static_cast<std::ptrdiff_t>(first * frames));
  }
}

void device_reducer::do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) {
  const std::int32_t* const map = upload_map(weights.weights);
  std::ranges::copy(
      run<std::int64_t>(out.size(), [&](std::int64_t* sums) { cuda::weighted_counts(list(), map, sums, stream_.get()); }),
      out.begin());
}

void device_reducer::do_moments(std::span<event_moments> out) {
  std::ranges::copy(run<event_moments>(out.size(), [&](event_moments* sums) { cuda::moments(list(), sums, stream_.get()); }),
                    out.begin());
}

void device_reducer::do_second_moments(const detector_masks* within, std::span<event_second_moments> out) {
  const std::uint8_t* const inside = within == nullptr ? nullptr : upload_map(within->groups.front());
  std::ranges::copy(
      run<event_second_moments>(out.size(),
                                [&](event_second_moments* sums) { cuda::second_moments(list(), inside, sums, stream_.get()); }),
      out.begin());
}

void device_reducer::do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) {
  const std::uint16_t* const map = upload_map(rings.ring);
  std::ranges::copy(
      run<std::uint32_t>(out.size(),
                         [&](std::uint32_t* counts) { cuda::radial_counts(list(), map, rings.rings, counts, stream_.get()); }),
      out.begin());
}

void device_reducer::do_bin(std::uint32_t factor, event_batch& out) {
  const auto binned_indices = run<std::uint32_t>(
      events().event_count(), [&](std::uint32_t* indices) { cuda::bin(list(), factor, indices, stream_.get()); });
  out.indices.assign(binned_indices.begin(), binned_indices.end());
  out.indptr.assign(1, 0);
  for (std::size_t f = 0; f < events().frames(); ++f) out.indptr.push_back(events().indptr[f + 1] - events().indptr.front());
}

void device_reducer::do_crop(const detector_window& window, event_batch& out) {
  const auto counts = run<std::uint32_t>(
      events().frames(), [&](std::uint32_t* inside) { cuda::count_inside(list(), window, inside, stream_.get()); });
  out.indptr.assign(1, 0);
  for (const std::uint32_t count : counts) out.indptr.push_back(out.indptr.back() + count);
  starts_.reserve(out.indptr.size());
  transfer_.upload(std::span<const std::uint64_t>(out.indptr), starts_.data(), stream_);
  const auto cropped = run<std::uint32_t>(
      out.indptr.back(), [&](std::uint32_t* indices) { cuda::crop(list(), window, starts_.data(), indices, stream_.get()); });
  out.indices.assign(cropped.begin(), cropped.end());
}

std::unique_ptr<event_reducer> make_reducer() {
  if (device_count() == 0) throw cuda_error(device_reason(), {{advice_kind::choose_backend, "cpu"}});
  return std::make_unique<device_reducer>();
}

}  // namespace countem::cuda
