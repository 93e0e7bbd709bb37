// How long copies between host and device take: that they are made, and what is refused. Their speed is the model's.
#include <gtest/gtest.h>

#include <algorithm>

#include <countem/devices.hpp>
#include <countem/error.hpp>

#include "model.hpp"

namespace countem {
namespace {

TEST(bus, each_copy_is_made_and_timed_after_one_that_warms_up) {
  const std::uint64_t before = device_model::stats().copies;
  const cuda::bus_copies measured = cuda::time_bus(0, 4096, 3);
  EXPECT_EQ(device_model::stats().copies - before, 8U);
  EXPECT_EQ(measured.to_device_s.size(), 3U);
  EXPECT_EQ(measured.from_device_s.size(), 3U);
  EXPECT_TRUE(std::ranges::all_of(measured.to_device_s, [](double seconds) { return seconds > 0; }));
  EXPECT_TRUE(std::ranges::all_of(measured.from_device_s, [](double seconds) { return seconds > 0; }));
}

TEST(bus, nothing_to_copy_and_devices_that_are_not_there_are_refused) {
  EXPECT_THROW(static_cast<void>(cuda::time_bus(0, 0, 3)), invalid_argument);
  EXPECT_THROW(static_cast<void>(cuda::time_bus(0, 4096, 0)), invalid_argument);
  EXPECT_THROW(static_cast<void>(cuda::time_bus(1, 4096, 3)), cuda_error);
}

}  // namespace
}  // namespace countem
