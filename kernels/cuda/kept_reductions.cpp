#include "kernels/cuda/kept_reductions.hpp"

#include <algorithm>
#include <utility>

#include "kernels/cuda/nvtx_range.hpp"

namespace countem::cuda {

const std::byte* kept_maps::on_device(std::span<const std::byte> map, const cuda_stream& stream) {
  const std::lock_guard held(lock_);  // whoever else asks for the map waits until it is there
  if (const auto known = maps_.find(map.data()); known != maps_.end()) return known->second.data();
  device_buffer<std::byte> there(map.size());
  host_transfer().upload(map, there.data(), stream);
  return maps_.emplace(map.data(), std::move(there)).first->second.data();
}

kept_patterns::kept_patterns(std::size_t sum_pixels, std::size_t maximum_pixels) : sum_(sum_pixels), maximum_(maximum_pixels) {
  const cuda_stream stream;
  fill_with_zeros(sum_.data(), sum_.size(), stream);
  fill_with_zeros(maximum_.data(), maximum_.size(), stream);
  stream.synchronize();  // other streams add to them
}

void kept_patterns::add(const event_list& events, const cuda_stream& stream) {
  if (events.frames == 0) return;
  const std::shared_lock held(lock_);
  if (sum_.size() != 0) add_sum(events, sum_.data(), stream.get());
  if (maximum_.size() != 0) raise_maximum(events, maximum_.data(), stream.get());
  stream.synchronize();
}

void kept_patterns::read(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum) {
  const nvtx_range range("read patterns");
  const cuda_stream stream;
  pinned_buffer<unsigned long long> sum_here(std::min(sum.size(), sum_.size()));
  pinned_buffer<std::uint32_t> maximum_here(std::min(maximum.size(), maximum_.size()));
  {
    const std::lock_guard held(lock_);
    copy_to_host(sum_.data(), sum_here.data(), sum_here.size(), stream);
    copy_to_host(maximum_.data(), maximum_here.data(), maximum_here.size(), stream);
    stream.synchronize();
  }
  for (std::size_t p = 0; p < sum_here.size(); ++p) sum[p] += sum_here.data()[p];
  for (std::size_t p = 0; p < maximum_here.size(); ++p) maximum[p] = std::max(maximum[p], maximum_here.data()[p]);
}

}  // namespace countem::cuda
