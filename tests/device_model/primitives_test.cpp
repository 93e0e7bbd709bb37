// The peers of the bench, written with the toolkit's primitives, on their host system: being faster than a peer that computes
// something else proves nothing.
#include <gtest/gtest.h>

#include <numeric>

#include <countem/error.hpp>

#include "bench/gpu/peers/thrust_counting.hpp"
#include "bench/gpu/peers/thrust_reductions.hpp"
#include "parity/parity_case.hpp"
#include "parity/reduction_case.hpp"

namespace countem::parity {
namespace {

/// Three frames that differ, with a dark reference and a mask where wanted.
parity_case three_frames(double occupancy, std::uint64_t seed, bool with_dark) {
  parity_case drawn = plain_case({130, 131}, content::clouds, occupancy, seed);
  drawn.setup.options.values = event_value::none;
  if (!with_dark) return drawn;
  calibration& used = drawn.setup.calibrated;
  used.shape = drawn.setup.shape;
  for (std::int32_t p = 0; p < 130 * 131; ++p) {
    used.dark16.push_back(p % 70 - 30);
    used.mask.push_back(p % 11 == 0 ? mask_hot : 0);
  }
  return drawn;
}

TEST(primitives, find_the_events_of_the_reference) {
  for (const bool with_dark : {false, true}) {
    for (const double occupancy : {0.0, 0.001, 0.01, 0.05, 0.3}) {
      parity_case drawn = three_frames(occupancy, 1, with_dark);
      const parity_case clouds = three_frames(occupancy, 2, with_dark);
      const parity_case full = plain_case({130, 131}, content::comb, 0, 3);
      drawn.frames.push_back(clouds.frames.front());
      drawn.frames.push_back(full.frames.front());
      bench::thrust_counting counting(drawn.setup, drawn.frames.size());
      counting.upload(drawn.frames);
      counting.count();
      counting.count();  // what the first left behind does not show
      const bench::primitive_events found = counting.fetch();

      event_batch expected;
      reference::make_counter(drawn.setup)->count(drawn.frames, expected);
      EXPECT_EQ(found.indptr, expected.indptr) << occupancy;
      EXPECT_EQ(found.indices, expected.indices) << occupancy;
      EXPECT_EQ(found.xrays, std::accumulate(expected.xrays.begin(), expected.xrays.end(), std::uint64_t{0})) << occupancy;

      counting_setup pixels = drawn.setup;
      pixels.options.method = counting_method::pixels;
      event_batch hits;
      reference::make_counter(pixels)->count(drawn.frames, hits);
      std::vector<std::uint32_t> in_batch;
      for (std::uint32_t f = 0; f < hits.frames(); ++f) {
        for (const std::uint32_t index : hits.events(f)) in_batch.push_back(f * 130 * 131 + index);
      }
      EXPECT_EQ(found.hits, in_batch) << occupancy;
    }
  }
}

TEST(primitives, what_they_do_not_do_is_refused) {
  parity_case drawn = three_frames(0.01, 1, false);
  EXPECT_THROW(bench::thrust_counting(drawn.setup, 0), invalid_argument);
  EXPECT_THROW(bench::thrust_counting(drawn.setup, std::size_t{1} << 20U), invalid_argument);
  drawn.setup.options.upsample = 2;
  EXPECT_THROW(bench::thrust_counting(drawn.setup, 1), invalid_argument);
}

TEST(dense_primitives, reduce_as_the_reference_does) {
  for (const pixel_type type : {pixel_type::u8, pixel_type::u16}) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      const reduction_case drawn = random_reduction_case(seed);
      const event_view all = view_of(drawn.batch, drawn.shape);
      const auto tested = bench::make_thrust_reducer(type);
      EXPECT_EQ(compare_with_reference(drawn, all, *tested), "") << "seed " << seed;
      event_view slice = all;  // with memory that the whole scan left behind
      slice.indptr = all.indptr.subspan(all.frames() / 3, all.frames() / 2 + 1);
      EXPECT_EQ(compare_with_reference(drawn, slice, *tested), "") << "seed " << seed << ", slice";
    }
  }
}

/// More frames than one thread adds up, and the stages' times.
TEST(dense_primitives, many_frames) {
  const frame_shape shape{9, 7};
  event_batch batch;
  for (std::uint32_t f = 0; f < 600; ++f) {
    for (std::uint32_t i = 0; i < 1 + f % 3; ++i) batch.indices.push_back(f % 63);
    batch.indptr.push_back(batch.indices.size());
  }
  const auto tested = bench::make_thrust_reducer(pixel_type::u8);
  const auto reference = reference::make_reducer();
  std::vector<std::uint64_t> sum(shape.pixels());
  std::vector<std::uint64_t> expected_sum(shape.pixels());
  std::vector<std::uint32_t> most(shape.pixels());
  std::vector<std::uint32_t> expected_most(shape.pixels());
  tested->load(view_of(batch, shape));
  reference->load(view_of(batch, shape));
  EXPECT_EQ(tested->seconds(), 0);
  tested->add_sum(sum);
  reference->add_sum(expected_sum);
  EXPECT_EQ(sum, expected_sum);
  EXPECT_GT(tested->seconds(), 0);
  tested->raise_maximum(most);
  reference->raise_maximum(expected_most);
  EXPECT_EQ(most, expected_most);
}

TEST(dense_primitives, what_a_pixel_cannot_hold_is_refused) {
  event_batch batch;
  batch.indices.assign(256, 3);
  batch.indptr = {0, 256};
  const frame_shape shape{20, 20};
  const auto narrow = bench::make_thrust_reducer(pixel_type::u8);
  EXPECT_THROW(narrow->load(view_of(batch, shape)), invalid_argument);
  batch.indices.pop_back();
  batch.indptr = {0, 255};
  narrow->load(view_of(batch, shape));
  event_batch binned_by;
  narrow->bin(16, binned_by);
  EXPECT_EQ(binned_by.indices, std::vector<std::uint32_t>(255, 0));
  EXPECT_THROW(narrow->bin(17, binned_by), invalid_argument);
  EXPECT_THROW(static_cast<void>(bench::make_thrust_reducer(pixel_type::f32)), invalid_argument);
}

}  // namespace
}  // namespace countem::parity
