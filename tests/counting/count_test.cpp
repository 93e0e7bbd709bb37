#include <gtest/gtest.h>

#include <countem/counting.hpp>

namespace {

using namespace countem;

TEST(cluster, one_hot_pixel) {
  const std::vector<std::uint16_t> pixels{0, 0, 0, 0, 9, 0};
  counting_setup setup{{2, 3}, pixel_type::u16, {}, {}};
  setup.calibrated.background16 = background_from_adu(3);
  event_batch out;
  const frame_view frame = contiguous_frame(setup.shape, setup.type, pixels.data());
  reference::make_counter(setup)->count({&frame, 1}, out);
  EXPECT_EQ(out.indices, std::vector<std::uint32_t>{4});
}

}  // namespace
