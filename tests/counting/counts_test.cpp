// Method counts, by hand: a pixel of value v is v events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/counting/small_frame.hpp"

namespace {

using namespace countem;
using testing::ElementsAre;
using testing::IsEmpty;

template <class Pixel>
small_frame<Pixel> counted(frame_shape shape, std::vector<Pixel> values) {
  small_frame<Pixel> frame(shape, std::move(values));
  frame.setup.calibrated = {};
  frame.setup.options.method = counting_method::counts;
  return frame;
}

TEST(counts, value_is_the_number_of_events) {
  const auto frame = counted<std::uint8_t>({2, 3}, {0, 3, 0, 1, 0, 2});
  const event_batch out = frame.count();
  EXPECT_THAT(out.indices, ElementsAre(1, 1, 1, 3, 5, 5));
  EXPECT_THAT(out.indptr, ElementsAre(0, 6));
  EXPECT_THAT(out.xrays, ElementsAre(0));
  EXPECT_THAT(out.status, ElementsAre(all_sectors));
  EXPECT_THAT(out.values, IsEmpty());
}

TEST(counts, neighbours_stay_apart) {
  EXPECT_THAT(counted<std::uint16_t>({2, 2}, {1, 1, 1, 1}).count().indices, ElementsAre(0, 1, 2, 3));
}

TEST(counts, more_than_a_byte) {
  const event_batch out = counted<std::uint32_t>({1, 2}, {70'000, 1}).count();
  ASSERT_EQ(out.indices.size(), 70'001U);
  EXPECT_EQ(out.indices[69'999], 0U);
  EXPECT_EQ(out.indices[70'000], 1U);
}

TEST(counts, floats_are_rounded_half_to_even) {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto frame =
      counted<float>({1, 9}, {0.5F, std::nextafter(0.5F, 1.0F), 1.5F, 2.5F, -3.0F, -0.0F, std::nanf(""), -infinity, 1.0F});
  EXPECT_THAT(frame.count().indices, ElementsAre(1, 2, 2, 3, 3, 8));
}

TEST(counts, masked_pixels_have_none) {
  auto frame = counted<std::uint16_t>({1, 3}, {65'535, 2, 1});
  frame.setup.calibrated.shape = {1, 3};
  frame.setup.calibrated.mask = {mask_given, 0, 0};
  EXPECT_THAT(frame.count().indices, ElementsAre(1, 1, 2));
}

TEST(counts, missing_sectors_have_none) {
  auto frame = counted<std::uint16_t>({4, 1}, {1, 2, 1, 1});
  frame.view.split = sector_split::rows;
  frame.view.present = 0b1101;
  EXPECT_THAT(frame.count().indices, ElementsAre(0, 2, 3));
  frame.view.present = 0;
  EXPECT_THAT(frame.count().indices, IsEmpty());
}

/// Counts one frame on both backends, which must refuse it.
template <class Pixel>
void expect_too_many(const small_frame<Pixel>& frame) {
  EXPECT_THROW((void)frame.count(), format_error);
  event_batch out;
  EXPECT_THROW(cpu::make_counter(frame.setup)->count({&frame.view, 1}, out), format_error);
}

TEST(counts, frames_beyond_all_memory_are_refused) {
  expect_too_many(counted<std::uint32_t>({1, 2}, {1, std::uint32_t{most_counted_events}}));
  expect_too_many(counted<std::uint32_t>({1, 1}, {0xffff'ffff}));
  expect_too_many(counted<float>({1, 1}, {std::numeric_limits<float>::infinity()}));
  expect_too_many(counted<float>({1, 1}, {1e30F}));
  EXPECT_NO_THROW(require_counted_events(most_counted_events));
  EXPECT_THROW(require_counted_events(most_counted_events + 1), format_error);
}

TEST(counts, counter_is_usable_after_a_refused_frame) {
  const auto bad = counted<std::uint32_t>({1, 2}, {3, 0xffff'ffff});
  const auto good = counted<std::uint32_t>({1, 2}, {1, 2});
  const auto counter = cpu::make_counter(bad.setup);
  event_batch out;
  EXPECT_THROW(counter->count({&bad.view, 1}, out), format_error);
  counter->count({&good.view, 1}, out);
  EXPECT_THAT(out.indices, ElementsAre(0, 1, 1));
}

TEST(counts, refuse_what_needs_charges) {
  counting_setup good{{1, 2}, pixel_type::u16, {}, {}};
  good.options.method = counting_method::counts;
  good.calibrated.shape = {1, 2};
  EXPECT_NO_THROW(validate(good));
  counting_setup bad = good;
  bad.calibrated.dark16 = {0, 0};
  expect_refused(bad, "dark reference");
  bad = good;
  bad.calibrated.gain = {1, 1};
  expect_refused(bad, "gain reference");
  bad = good;
  bad.calibrated.background16 = 1;
  expect_refused(bad, "background threshold");
  bad = good;
  bad.calibrated.pixel_background16 = {0, 0};
  expect_refused(bad, "background threshold");
  bad = good;
  bad.calibrated.xray16 = 1000;
  expect_refused(bad, "X-ray threshold");
  bad = good;
  bad.options.row_noise = row_noise_method::mean;
  expect_refused(bad, "row noise");
  bad = good;
  bad.options.background = background_method::frame;
  expect_refused(bad, "shift of a frame");
  for (const event_value value : {event_value::charge, event_value::size}) {
    bad = good;
    bad.options.values = value;
    expect_refused(bad, "value");
  }
  bad = good;
  bad.options.upsample = 2;
  expect_refused(bad, "method cluster");
  bad = good;
  bad.options.min_cluster_size = 2;
  expect_refused(bad, "method cluster");
}

}  // namespace
