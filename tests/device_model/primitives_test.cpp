// The peer of the bench, written with the toolkit's primitives, on their host system: a peer that counts something else beats
// nobody.
#include <gtest/gtest.h>

#include <numeric>

#include <countem/error.hpp>

#include "bench/gpu/peers/thrust_counting.hpp"
#include "parity/parity_case.hpp"

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

}  // namespace
}  // namespace countem::parity
