#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include <countem/device_counter.hpp>

#include "model.hpp"
#include "tests/parity/parity_case.hpp"

namespace countem::parity {

#if defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t share = 6;  // of the cases that a plain build runs, one in so many
inline constexpr std::uint64_t most_pixels = 3'000;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr std::uint64_t share = 3;
inline constexpr std::uint64_t most_pixels = 10'000;
#else
inline constexpr std::uint64_t share = 1;
inline constexpr std::uint64_t most_pixels = 20'000;
#endif

class cuda_counting : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(device_model::refusal(), "");
    EXPECT_EQ(device_model::live_objects(), 0U);
    device_model::forget_refusal();
    device_model::set_limits({});
  }

  static void expect_equal(const parity_case& drawn, const std::string& name, std::uint64_t seed,
                           const cuda::device_options& options = {}) {
    device_model::set_schedule({.seed = seed, .random = seed % 8 != 0});
    const auto tested = cuda::make_counter(drawn.setup, options, {});
    EXPECT_EQ(compare_with_reference(drawn, *tested), "") << name << ", schedule " << seed << ": " << describe(drawn);
    // Memory that one batch leaves behind must not show in the next.
    EXPECT_EQ(compare_with_reference(drawn, *tested), "")
        << name << ", schedule " << seed << ", second call: " << describe(drawn);
  }
};

}  // namespace countem::parity
