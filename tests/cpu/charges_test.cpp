#include "kernels/cpu/charges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/reference/charge.hpp"
#include "tests/parity/parity_case.hpp"

namespace countem::cpu {
namespace {

TEST(charges, are_those_of_the_reference) {
  constexpr std::uint64_t cases = 400;
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    const parity::parity_case drawn = parity::random_case(seed);
    for (const frame_view& frame : drawn.frames) {
      ASSERT_THAT(charges(frame, drawn.setup.calibrated),
                  testing::ElementsAreArray(reference::charges(frame, drawn.setup.calibrated, counting_options{})))
          << "seed " << seed << ": " << parity::describe(drawn);
    }
  }
}

TEST(charges, of_a_frame_that_never_arrived_read_none_of_its_memory) {
  calibration calibrated;
  calibrated.shape = {2, 2};
  frame_view frame =
      contiguous_frame(calibrated.shape, pixel_type::u16, reinterpret_cast<const std::byte*>(std::uintptr_t{64}));
  frame.present = 0;
  EXPECT_THAT(charges(frame, calibrated), testing::Each(no_charge));
}

TEST(charges, at_the_limits) {
  calibration calibrated;
  calibrated.shape = {1, 3};
  calibrated.dark16 = {-charge_limit, charge_limit, 0};
  constexpr std::uint16_t raw[]{0xffff, 0, 0xffff};
  const frame_view frame = contiguous_frame(calibrated.shape, pixel_type::u16, reinterpret_cast<const std::byte*>(raw));
  EXPECT_THAT(charges(frame, calibrated), testing::ElementsAre(charge_limit, -charge_limit, 16 * 0xffff));
}

}  // namespace
}  // namespace countem::cpu
