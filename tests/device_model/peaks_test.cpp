// Method peaks on the device.
#include <string>

#include "counting_fixture.hpp"

namespace countem::parity {
namespace {

parity_case peaks_case(frame_shape shape, content kind, double occupancy, std::uint64_t seed, std::uint32_t upsample) {
  parity_case drawn = plain_case(shape, kind, occupancy, seed);
  drawn.setup.options.method = counting_method::peaks;
  drawn.setup.options.upsample = upsample;
  drawn.setup.calibrated.background16 = background_from_adu(30);
  drawn.setup.calibrated.score16 = score_from_adu(6 * 20 + 3 * 12);
  return drawn;
}

TEST_F(cuda_counting, peaks_of_every_kind_of_frame) {
  for (const content kind : {content::clouds, content::scattered, content::full, content::flat, content::stripes}) {
    for (const std::uint32_t upsample : {1U, 3U})
      expect_equal(peaks_case({19, 75}, kind, 0.05, 3, upsample), "peaks", upsample);
  }
}

TEST_F(cuda_counting, peaks_where_every_pixel_of_a_warp_is_a_hit) {
  // 32 words of 32 pixels are what a warp works on.
  for (const frame_shape shape : {frame_shape{1, 1024}, frame_shape{32, 32}, frame_shape{65, 33}})
    expect_equal(peaks_case(shape, content::full, 1, 7, 1), "full", 1);
}

TEST_F(cuda_counting, peaks_beyond_the_room_are_counted_again) {
  for (std::uint64_t seed = 0; seed < 24; seed += share) {
    cuda::device_options options;
    options.event_capacity = 1 + static_cast<std::uint32_t>(seed) * 4;
    options.batches_in_flight = 1 + static_cast<unsigned>(seed % 3);
    expect_equal(peaks_case({13, 70}, content::clouds, 0.1, seed, 1 + seed % 4), "peaks", seed, options);
  }
}

}  // namespace
}  // namespace countem::parity
