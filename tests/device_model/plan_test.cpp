// What counters of one plan share on a device.
#include <string>
#include <thread>
#include <vector>

#include <countem/error.hpp>

#include "counting_fixture.hpp"

namespace countem::parity {
namespace {

/// A case whose calibration has something per pixel.
parity_case with_dark() {
  parity_case drawn = plain_case({24, 40}, content::clouds, 0.02, 9);
  drawn.setup.calibrated.shape = drawn.setup.shape;
  for (std::int32_t p = 0; p < 24 * 40; ++p) drawn.setup.calibrated.dark16.push_back(p % 70);
  return drawn;
}

TEST_F(cuda_counting, threads_with_a_counter_each_of_one_plan) {
  const parity_case drawn = with_dark();
  device_model::set_schedule({.seed = 12});
  const auto plan = cuda::make_plan(drawn.setup);
  std::vector<std::string> differences(3);
  std::vector<std::thread> threads;
  for (std::string& difference : differences) {
    threads.emplace_back([&] {
      const auto counting = plan->make_counter();
      for (int call = 0; call < 3; ++call) difference += compare_with_reference(drawn, *counting);
    });
  }
  for (std::thread& one : threads) one.join();
  EXPECT_EQ(differences, std::vector<std::string>(3));
}

TEST_F(cuda_counting, counters_of_a_plan_share_its_calibration_on_their_device) {
  device_model::set_limits({.devices = 2});
  const parity_case drawn = with_dark();
  const auto plan = cuda::make_plan(drawn.setup);
  const auto copies_of = [&](unsigned device) {
    const std::uint64_t before = device_model::stats().copies;
    cuda::device_options options;
    options.device = device;
    const auto counting = cuda::make_counter(plan, options, {});
    const std::uint64_t copies = device_model::stats().copies - before;
    EXPECT_EQ(compare_with_reference(drawn, *counting), "") << "device " << device;
    return copies;
  };
  EXPECT_EQ(copies_of(0), 2U);  // dark reference and limits
  EXPECT_EQ(copies_of(0), 0U);
  EXPECT_EQ(copies_of(1), 2U);
  EXPECT_EQ(copies_of(0), 0U);
}

TEST_F(cuda_counting, a_counter_keeps_its_plan) {
  const parity_case drawn = with_dark();
  auto plan = cuda::make_plan(drawn.setup);
  const auto counting = plan->make_counter();
  plan.reset();
  EXPECT_EQ(compare_with_reference(drawn, *counting), "");
}

TEST_F(cuda_counting, the_plan_of_another_backend_is_refused) {
  const parity_case drawn = with_dark();
  EXPECT_THROW(static_cast<void>(cuda::make_counter(reference::make_plan(drawn.setup), {}, {})), invalid_argument);
}

}  // namespace
}  // namespace countem::parity
