// Method counts on the device.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "counting_fixture.hpp"

namespace countem::parity {
namespace {

/// One frame of these pixels.
template <class Pixel>
parity_case frame_of(frame_shape shape, pixel_type type, const std::vector<Pixel>& pixels) {
  parity_case drawn;
  drawn.setup.shape = shape;
  drawn.setup.type = type;
  drawn.setup.options.method = counting_method::counts;
  drawn.storage.emplace_back(pixels.size() * sizeof(Pixel));
  std::memcpy(drawn.storage.back().data(), pixels.data(), drawn.storage.back().size());
  drawn.frames.push_back(contiguous_frame(shape, type, drawn.storage.back().data()));
  return drawn;
}

TEST_F(cuda_counting, counts_of_every_type_and_occupancy) {
  for (const pixel_type type : {pixel_type::u8, pixel_type::u16, pixel_type::u32, pixel_type::f32}) {
    for (const double occupancy : {0.0, 0.01, 0.3, 1.0}) {
      for (const bool masked : {false, true})
        expect_equal(counts_case({19, 75}, type, occupancy, masked, 3), "counts", 1 + (masked ? 1 : 0));
    }
  }
}

TEST_F(cuda_counting, counts_beyond_the_room_are_counted_again) {
  for (std::uint64_t seed = 0; seed < 24; seed += share) {
    cuda::device_options options;
    options.event_capacity = 1 + static_cast<std::uint32_t>(seed) * 20;
    options.batch_frames = 1 + seed % 2;
    options.batches_in_flight = 1 + static_cast<unsigned>(seed % 3);
    expect_equal(counts_case({13, 70}, pixel_type::u16, 0.3, false, seed), "counts", seed, options);
  }
}

TEST_F(cuda_counting, counts_as_many_as_a_warp_and_one_more_or_less) {
  // A warp writes a pixel's events together; two pixels of one word and of neighbouring words follow each other.
  std::vector<std::uint16_t> pixels(2 * 96);
  pixels[0] = 31;
  pixels[1] = 32;
  pixels[31] = 33;
  pixels[32] = 64;
  pixels[95] = 65;
  pixels[96] = 1000;
  pixels[191] = 1;
  expect_equal(frame_of({2, 96}, pixel_type::u16, pixels), "warps", 4);
}

/// A pixel of the largest value there is, which is refused before memory is spent on it, and what remains usable.
template <class Pixel>
void expect_refused(pixel_type type, Pixel broken) {
  std::vector<Pixel> pixels(8 * 40, Pixel{1});
  const parity_case good = frame_of({8, 40}, type, pixels);
  pixels[77] = broken;
  const parity_case bad = frame_of({8, 40}, type, pixels);
  const auto counting = cuda::make_counter(bad.setup);
  event_batch out;
  EXPECT_THROW(counting->count(bad.frames, out), format_error);
  EXPECT_EQ(compare_with_reference(good, *counting), "") << "after a refusal";
}

TEST_F(cuda_counting, a_frame_of_too_many_counts_is_refused) {
  expect_refused<std::uint32_t>(pixel_type::u32, std::numeric_limits<std::uint32_t>::max());
  expect_refused<std::uint32_t>(pixel_type::u32, most_counted_events);
  expect_refused<float>(pixel_type::f32, std::numeric_limits<float>::infinity());
  expect_refused<float>(pixel_type::f32, 1e20F);
}

TEST_F(cuda_counting, totals_of_counts_do_not_wrap) {
  // 16 pixels of 2^28 events add up to 2^32, which 32 bits take for none.
  std::vector<std::uint32_t> pixels(64);
  std::fill_n(pixels.begin(), 16, std::uint32_t{1} << 28);
  const parity_case drawn = frame_of({1, 64}, pixel_type::u32, pixels);
  const auto counting = cuda::make_counter(drawn.setup);
  event_batch out;
  EXPECT_THROW(counting->count(drawn.frames, out), format_error);
}

TEST_F(cuda_counting, a_masked_pixel_of_any_value_has_no_counts) {
  std::vector<std::uint32_t> pixels(3 * 33, 2);
  pixels[40] = 0xffff'ffff;
  parity_case drawn = frame_of({3, 33}, pixel_type::u32, pixels);
  drawn.setup.calibrated.shape = drawn.setup.shape;
  drawn.setup.calibrated.mask.assign(pixels.size(), 0);
  drawn.setup.calibrated.mask[40] = mask_given;
  expect_equal(drawn, "masked", 2);
}

}  // namespace
}  // namespace countem::parity
