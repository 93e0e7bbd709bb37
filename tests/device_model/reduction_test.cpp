// Every reduction of the cuda backend, on the device model, against the reference.
#include <gtest/gtest.h>

#include <algorithm>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "model.hpp"
#include "tests/parity/reduction_case.hpp"

namespace countem {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int rounds = 6;
#else
constexpr int rounds = 24;
#endif

TEST(cuda_reductions, equal_the_reference) {
  for (std::uint64_t seed = 0; seed < rounds && !testing::Test::HasFailure(); ++seed) {
    device_model::set_schedule({.seed = seed, .random = seed % 8 != 0});
    const parity::reduction_case drawn = parity::random_reduction_case(seed);
    const event_view all = view_of(drawn.batch, drawn.shape);
    const auto tested = cuda::make_reducer();
    EXPECT_EQ(parity::compare_with_reference(drawn, all, *tested), "") << "seed " << seed;
    // A slice of the scan, with memory that the whole scan left behind.
    event_view slice = all;
    slice.indptr = all.indptr.subspan(all.frames() / 3, all.frames() / 2 + 1);
    EXPECT_EQ(parity::compare_with_reference(drawn, slice, *tested), "") << "seed " << seed << ", slice";
  }
  EXPECT_EQ(device_model::refusal(), "");
  EXPECT_EQ(device_model::live_objects(), 0U);
}

/// With buffers that no stage before has made larger, so that nothing can be written behind a result unseen.
TEST(cuda_reductions, each_stage_with_a_reducer_of_its_own) {
  for (std::uint64_t seed = 100; seed < 100 + rounds && !testing::Test::HasFailure(); ++seed) {
    device_model::set_schedule({.seed = seed, .random = seed % 8 != 0});
    const parity::reduction_case drawn = parity::random_reduction_case(seed);
    const event_view events = view_of(drawn.batch, drawn.shape);
    for (const parity::reduction_stage& stage : parity::stages_of(drawn)) {
      const auto tested = cuda::make_reducer();
      const auto reference = reference::make_reducer();
      tested->load(events);
      reference->load(events);
      EXPECT_TRUE(stage.equal(*tested, *reference, events.frames())) << stage.name << ", seed " << seed;
    }
  }
  EXPECT_EQ(device_model::refusal(), "");
}

/// Lanes behind a frame's last event read pixel 0 rather than memory: it must not be kept for that.
TEST(cuda_reductions, crop_with_the_first_pixel) {
  const frame_shape shape{8, 8};
  event_batch batch;
  for (std::uint32_t frame = 0; frame < 50; ++frame) {
    for (std::uint32_t event = 0; event < 33 + frame % 7; ++event) batch.indices.push_back(std::min(63U, 2 + event));
    batch.indptr.push_back(batch.indices.size());
  }
  const auto reference = reference::make_reducer();
  reference->load(view_of(batch, shape));
  event_batch expected;
  reference->crop({0, 0, {4, 5}}, expected);
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    device_model::set_schedule({.seed = seed, .random = seed % 8 != 0});
    const auto tested = cuda::make_reducer();
    tested->load(view_of(batch, shape));
    event_batch found;
    tested->crop({0, 0, {4, 5}}, found);
    EXPECT_EQ(found.indptr, expected.indptr) << "seed " << seed;
    EXPECT_EQ(found.indices, expected.indices) << "seed " << seed;
  }
}

TEST(cuda_reductions, need_a_device) {
  device_model::set_limits({.devices = 0});
  EXPECT_THROW(static_cast<void>(cuda::make_reducer()), cuda_error);
  device_model::set_limits({});
}

}  // namespace
}  // namespace countem
