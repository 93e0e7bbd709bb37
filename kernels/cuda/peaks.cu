// Method peaks: hits that beat their neighbours and have enough charge around them.
#include "kernels/cuda/bit_queue.cuh"
#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/found_events.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

namespace {

constexpr unsigned peak_threads = 128;
using hit_queue = bit_queue<peak_threads, 32>;

/// The charges around one hit, read once.
class neighbourhood {
 public:
  template <class Pixel>
  __device__ __forceinline__ void read(const batch_view& batch, std::uint32_t frame, std::uint32_t row, std::uint32_t column) {
#pragma unroll
    for (int i = 0; i < 9; ++i) {
      const std::uint32_t y = row + static_cast<std::uint32_t>(i / 3) - 1;  // wraps above the frame: outside, too
      const std::uint32_t x = column + static_cast<std::uint32_t>(i % 3) - 1;
      charge_[i] = y < batch.height && x < batch.width ? final_charge_or_none<Pixel>(batch, frame, y, x) : no_charge;
    }
  }

  /// Whether the middle beats all others. A charge before it that is as great beats it.
  [[nodiscard]] __device__ __forceinline__ bool is_peak() const {
    bool peak = middle() > 0;
#pragma unroll
    for (int i = 0; i < 9; ++i) peak = peak && (i < 4 ? middle() > charge_[i] : middle() >= charge_[i]);
    return peak;
  }

  /// Twice the middle and the largest of the four blocks of 2 x 2 that hold it.
  [[nodiscard]] __device__ __forceinline__ std::int64_t score() const {
    const std::int64_t above = max(near(0) + near(3), near(2) + near(5)) + near(1);
    const std::int64_t below = max(near(6) + near(3), near(8) + near(5)) + near(7);
    return 3 * near(4) + max(above, below);
  }

  [[nodiscard]] __device__ __forceinline__ std::int64_t sum() const {
    std::int64_t all = 0;
#pragma unroll
    for (int i = 0; i < 9; ++i) all += near(i);
    return all;
  }

  /// On a grid k times finer, cells into the middle pixel.
  [[nodiscard]] __device__ __forceinline__ std::uint32_t cell_row(std::uint32_t k) const {
    return cell(near(1), near(7), k);
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t cell_column(std::uint32_t k) const {
    return cell(near(3), near(5), k);
  }

  [[nodiscard]] __device__ __forceinline__ std::int32_t middle() const {
    return charge_[4];
  }

 private:
  /// 0 where there is no charge.
  [[nodiscard]] __device__ __forceinline__ std::int64_t near(int i) const {
    return charge_[i] == no_charge ? 0 : charge_[i];
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t cell(std::int64_t before, std::int64_t after, std::int64_t k) const {
    if (k == 1) return 0;
    before = max(before, std::int64_t{0});
    after = max(after, std::int64_t{0});
    const std::int64_t all = middle() + before + after;
    return static_cast<std::uint32_t>(min(k - 1, k * (all + 2 * (after - before)) / (2 * all)));
  }

  std::int32_t charge_[9];
};

/// Hits among the nine pixels around one.
__device__ __forceinline__ std::uint32_t hits_around(const bit_image& hits, std::uint32_t row, std::uint32_t column) {
  std::uint32_t found = 0;
#pragma unroll
  for (int down = -1; down <= 1; ++down) {
    found += static_cast<std::uint32_t>(__popc(hits.window(std::int64_t{row} + down, std::int64_t{column} - 1) & 7U));
  }
  return found;
}

/// One thread per word of the bit image, then one thread per hit.
template <class Pixel>
__global__ void __launch_bounds__(peak_threads) peaks_kernel(batch_view batch, event_memory events) {
  COUNTEM_SHARED(hit_queue, queue);
  const unsigned lane = threadIdx.x % warp_lanes;
  const std::uint32_t frame = blockIdx.y;
  const bit_image hits(batch, batch.bits, frame);
  const std::uint32_t k = events.options.upsample;
  const std::uint64_t number = std::uint64_t{blockIdx.x} * peak_threads + threadIdx.x;
  const word_place own(batch, static_cast<std::uint32_t>(number));  // below the frame for the last threads: no hits there
  const std::uint32_t total = queue.fill(hits.word(own.row, own.number));
  for (std::uint32_t first = 0; first < total; first += warp_lanes) {
    bool has_event = false;
    found_event event{};
    if (first + lane < total) {
      const word_place place(batch, static_cast<std::uint32_t>(number - lane + queue.lane_of(first + lane)));
      const std::uint32_t column = place.first_column() + queue.bit_of(first + lane);
      neighbourhood nine;
      nine.read<Pixel>(batch, frame, place.row, column);
      const bool peak = nine.is_peak();
      const bool xray = peak && nine.middle() >= batch.calibrated.xray16;
      if (xray) atomicAdd(&events.out.xrays[frame], 1U);
      has_event = peak && !xray && nine.score() > batch.calibrated.score16;
      if (has_event) {
        const std::uint32_t row = place.row * k + nine.cell_row(k);
        const std::uint32_t size = events.options.values == event_value::size ? hits_around(hits, place.row, column) : 0;
        event = {frame, row * events.layout.grid_width + column * k + nine.cell_column(k),
                 value_of(events.options.values, static_cast<unsigned long long>(max(nine.sum(), std::int64_t{0})), size), 0};
      }
    }
    append_events(events, has_event, event);
  }
}

}  // namespace

void find_peaks(const batch_view& batch, const event_memory& events, int, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    const launch_shape words{dim3(blocks_for(batch.words, peak_threads), batch.frames), dim3(peak_threads)};
    launch(words, stream, peaks_kernel<decltype(pixel)>, batch, events);
  });
}

}  // namespace countem::cuda
