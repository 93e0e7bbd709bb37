// The whole cuda backend, host side and kernels, on the device model, against the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <countem/append.hpp>
#include <countem/device_counter.hpp>
#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "counting_fixture.hpp"

namespace countem::parity {
namespace {

TEST_F(cuda_counting, random_cases) {
  for (std::uint64_t seed = 0; seed < 400 && !HasFailure(); seed += share) {
    const parity_case drawn = random_case(seed);
    if (drawn.setup.shape.pixels() > most_pixels) continue;
    expect_equal(drawn, "seed " + std::to_string(seed), seed);
  }
}

TEST_F(cuda_counting, random_cases_with_tiny_capacities) {
  for (std::uint64_t seed = 0; seed < 200 && !HasFailure(); seed += share) {
    const parity_case drawn = random_case(5000 + seed);
    if (drawn.setup.shape.pixels() > most_pixels) continue;
    cuda::device_options options;
    options.event_capacity = 1 + static_cast<std::uint32_t>(seed % 5);
    options.batch_frames = 1 + seed % 3;
    options.batches_in_flight = 1 + static_cast<unsigned>(seed % 4);
    expect_equal(drawn, "seed " + std::to_string(5000 + seed), seed, options);
  }
}

TEST_F(cuda_counting, every_content_on_many_schedules) {
  for (std::uint64_t seed = 0; seed < 24 && !HasFailure(); seed += share) {
    for (int kind = 0; kind < static_cast<int>(content::count_); ++kind) {
      expect_equal(plain_case({29, 75}, static_cast<content>(kind), 0.02 * static_cast<double>(seed), seed),
                   "kind " + std::to_string(kind), seed);
    }
  }
}

TEST_F(cuda_counting, components_as_large_as_the_frame) {
  for (const content kind : {content::full, content::spiral, content::comb, content::stripes}) {
    parity_case drawn = plain_case({70, 140}, kind, 0, 3);
    drawn.setup.options.upsample = 4;
    expect_equal(drawn, "kind " + std::to_string(static_cast<int>(kind)), 5);
  }
}

TEST_F(cuda_counting, sums_beyond_64_bits) {
  parity_case drawn;
  drawn.setup.shape = {3, 70'000 / share};
  drawn.setup.type = pixel_type::u32;
  drawn.setup.options.upsample = 64;
  drawn.setup.options.values = event_value::charge;
  drawn.storage.emplace_back(drawn.setup.shape.pixels() * 4, std::byte{0xff});
  drawn.frames.push_back(contiguous_frame(drawn.setup.shape, pixel_type::u32, drawn.storage.front().data()));
  expect_equal(drawn, "large sums", 2);
}

TEST_F(cuda_counting, half_row_too_wide_for_shared_memory) {
  parity_case drawn = plain_case({1, 25'000}, content::clouds, 0.01, 1);
  for (const row_noise_method method : {row_noise_method::mean, row_noise_method::median}) {
    drawn.setup.options.row_noise = method;
    expect_equal(drawn, "row noise", 1);
  }
  drawn.setup.options.row_noise = row_noise_method::none;
  drawn.setup.options.background = background_method::frame;
  expect_equal(drawn, "background frame", 1);
}

TEST_F(cuda_counting, shifts_of_frames) {
  for (const std::uint32_t height : {7, 127, 130}) {
    parity_case drawn = plain_case({height, 45}, content::clouds, 0.02, 4);
    drawn.setup.options.background = background_method::frame;
    drawn.setup.calibrated.background16 = background_from_adu(12);
    drawn.frames.resize(3, drawn.frames.front());
    expect_equal(drawn, "background frame", 3);
  }
}

TEST_F(cuda_counting, no_frames) {
  parity_case drawn = plain_case({5, 5}, content::full, 0, 0);
  drawn.frames.clear();
  expect_equal(drawn, "no frames", 1);
}

TEST_F(cuda_counting, many_batches_in_flight) {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  drawn.frames.resize(12, drawn.frames.front());
  cuda::device_options options;
  options.batch_frames = 2;
  options.batches_in_flight = 3;
  expect_equal(drawn, "in flight", 4, options);
}

TEST_F(cuda_counting, frames_in_pinned_memory_cross_from_where_they_are) {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  device_model::set_schedule({.seed = 5});
  const auto counting = cuda::make_batch_counter(drawn.setup, {});
  frame_batch raw(counting->frame_memory());
  const std::size_t bytes = drawn.setup.shape.pixels() * size_of(drawn.setup.type);
  std::byte* const storage = raw.storage(3 * bytes);
  std::vector<frame_view> frames;
  const auto fill = [&](std::byte* to) {
    const std::size_t row_bytes = drawn.setup.shape.width * size_of(drawn.setup.type);
    for (std::uint32_t row = 0; row < drawn.setup.shape.height; ++row)
      std::memcpy(to + row * row_bytes, drawn.frames.front().row(row), row_bytes);
  };
  for (std::size_t f = 0; f < 3; ++f) {
    fill(storage + f * bytes);
    frames.push_back(contiguous_frame(drawn.setup.shape, drawn.setup.type, storage + f * bytes));
    frames.back().split = drawn.frames.front().split;
  }
  event_batch expected;
  reference::make_counter(drawn.setup)->count(frames, expected);
  event_batch found;
  counting->submit(frames);
  counting->collect(found);
  EXPECT_EQ(difference(expected, found), "");
#ifndef __SANITIZE_THREAD__  // to which this is the race that it is
  // Nothing was copied away: the bytes that cross are those that lie there when the device comes to fetch them.
  std::memset(storage, 0, 3 * bytes);
  device_model::set_schedule({.seed = 5, .eager_permille = 0});
  counting->submit(frames);
  fill(storage);
  counting->collect(found);
  EXPECT_TRUE(std::ranges::equal(found.events(0), expected.events(0)));
  EXPECT_TRUE(found.events(1).empty());
#endif
  // A frame that is missing, or out of order, has its batch gathered.
  std::swap(frames[0], frames[2]);
  frames[1].present = 0;
  frames[1].bands[0] = nullptr;
  reference::make_counter(drawn.setup)->count(frames, expected);
  counting->submit(frames);
  counting->collect(found);
  EXPECT_EQ(difference(expected, found), "");
}

TEST_F(cuda_counting, reduces_what_it_counted_before_it_leaves_the_device) {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.05, 9);
  drawn.frames.resize(7, drawn.frames.front());
  const frame_shape shape = drawn.setup.shape;
  for (std::uint64_t seed = 0; seed < 20; seed += share) {
    device_model::set_schedule({.seed = seed, .random = seed % 8 != 0});
    cuda::device_options options;
    options.batch_frames = 3;
    options.event_capacity = 1 + static_cast<std::uint32_t>(seed) * 40;  // some batches are counted twice, none reduced twice
    std::vector<std::uint64_t> sum(shape.pixels());
    std::vector<event_moments> moments;
    const auto counting = cuda::make_counter(drawn.setup, options, [&](const event_batch& events, event_reducer& on_device) {
      EXPECT_EQ(events.first_frame, moments.size());
      on_device.add_sum(sum);
      moments.resize(moments.size() + events.frames());
      on_device.moments(std::span(moments).last(events.frames()));
    });
    event_batch found;
    counting->count(drawn.frames, found);
    const auto expected = reference::make_reducer();
    expected->load(view_of(found, shape));
    std::vector<std::uint64_t> expected_sum(shape.pixels());
    std::vector<event_moments> expected_moments(found.frames());
    expected->add_sum(expected_sum);
    expected->moments(expected_moments);
    EXPECT_EQ(sum, expected_sum) << "schedule " << seed;
    EXPECT_EQ(moments, expected_moments) << "schedule " << seed;
  }
}

TEST_F(cuda_counting, a_reducer_needs_a_batch) {
  const parity_case drawn = plain_case({24, 40}, content::clouds, 0.05, 9);
  const auto counting = cuda::make_batch_counter(drawn.setup, {});
  EXPECT_THROW(static_cast<void>(counting->reducer()), invalid_argument);
  event_batch found;
  counting->submit(drawn.frames);
  counting->collect(found);
  EXPECT_NO_THROW(static_cast<void>(counting->reducer()));
  counting->submit(drawn.frames);
  EXPECT_THROW(static_cast<void>(counting->reducer()), invalid_argument);
  counting->collect(found);
}

TEST_F(cuda_counting, batch_that_was_queued_before_another_made_room) {
  // Both batches have a component that needs labels; the first to be collected asks for them when the second is already queued.
  parity_case drawn = plain_case({40, 80}, content::full, 0, 3);
  drawn.frames.resize(3, drawn.frames.front());
  cuda::device_options options;
  options.batch_frames = 1;
  options.batches_in_flight = 3;
  expect_equal(drawn, "labels", 7, options);
  parity_case many = plain_case({40, 80}, content::scattered, 0.05, 3);
  many.frames.resize(3, many.frames.front());
  options.event_capacity = 1;
  expect_equal(many, "events", 7, options);
}

TEST_F(cuda_counting, threads_with_a_counter_each) {
  const parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  device_model::set_schedule({.seed = 11});
  std::vector<std::string> differences(3);
  std::vector<std::thread> threads;
  for (std::string& difference : differences) {
    threads.emplace_back([&] {
      const auto counting = cuda::make_counter(drawn.setup);
      for (int call = 0; call < 3; ++call) difference += compare_with_reference(drawn, *counting);
    });
  }
  for (std::thread& one : threads) one.join();
  EXPECT_EQ(differences, std::vector<std::string>(3));
}

TEST_F(cuda_counting, times_are_of_the_batch_collected) {
  const parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  cuda::device_options options;
  options.timed = true;
  const auto counting = cuda::make_batch_counter(drawn.setup, options);
  counting->submit(drawn.frames);
  event_batch out;
  counting->collect(out);
  EXPECT_GT(counting->times().upload_ms, 0);
  EXPECT_GT(counting->times().count_ms, 0);
}

TEST_F(cuda_counting, abandoned_in_mid_flight) {
  const parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  device_model::set_schedule({.seed = 6});
  const auto counting = cuda::make_batch_counter(drawn.setup, {});
  counting->submit(drawn.frames);
  counting->submit(drawn.frames);
}

TEST_F(cuda_counting, every_device_counts) {
  device_model::set_limits({.devices = 3});
  const parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  std::vector<std::unique_ptr<counter>> counters;
  for (int i = 0; i < 4; ++i) counters.push_back(cuda::make_counter(drawn.setup));
  for (const auto& one : counters) EXPECT_EQ(compare_with_reference(drawn, *one), "");
}

TEST_F(cuda_counting, misuse_is_refused) {
  const parity_case drawn = plain_case({8, 8}, content::clouds, 0.02, 9);
  cuda::device_options options;
  options.batch_frames = 1;
  const auto counting = cuda::make_batch_counter(drawn.setup, options);
  event_batch out;
  EXPECT_THROW(counting->collect(out), invalid_argument);
  EXPECT_THROW(counting->submit(std::vector<frame_view>(2, drawn.frames.front())), invalid_argument);
  frame_view other = drawn.frames.front();
  other.shape = {8, 9};
  EXPECT_THROW(counting->submit({&other, 1}), invalid_argument);
  counting->submit(drawn.frames);
  counting->submit(drawn.frames);
  EXPECT_THROW(counting->submit(drawn.frames), invalid_argument);
  options.device = 1;
  EXPECT_THROW(static_cast<void>(cuda::make_batch_counter(drawn.setup, options)), cuda_error);
}

TEST_F(cuda_counting, too_little_device_memory_is_said) {
  device_model::set_limits({.memory_bytes = 20'000});
  const parity_case drawn = plain_case({64, 64}, content::clouds, 0.02, 9);
  EXPECT_THROW(static_cast<void>(cuda::make_counter(drawn.setup)), cuda_error);
}

TEST_F(cuda_counting, no_device_is_said) {
  EXPECT_EQ(cuda::device_count(), 1U);
  device_model::set_limits({.devices = 0});
  EXPECT_EQ(cuda::device_count(), 0U);
  EXPECT_THAT(cuda::device_reason(), testing::HasSubstr("driver version is insufficient"));
  const parity_case drawn = plain_case({8, 8}, content::clouds, 0.02, 9);
  EXPECT_THROW(static_cast<void>(cuda::make_counter(drawn.setup)), cuda_error);
}

}  // namespace
}  // namespace countem::parity
