#include <gtest/gtest.h>

#include <vector>

#include <countem/bright_disk.hpp>
#include <countem/error.hpp>

namespace {

using namespace countem;

std::vector<std::uint64_t> disk(frame_shape shape, detector_point centre, double radius, std::uint64_t inside,
                                std::uint64_t outside) {
  std::vector<std::uint64_t> sum(shape.pixels(), outside);
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) {
      const double dr = row - centre.row;
      const double dc = column - centre.column;
      if (dr * dr + dc * dc < radius * radius) sum[std::size_t{row} * shape.width + column] = inside;
    }
  }
  return sum;
}

TEST(bright_disk, is_found_off_centre_beside_hot_pixels) {
  std::vector<std::uint64_t> sum = disk({576, 576}, {250, 330}, 60, 100, 3);
  for (std::size_t p = 0; p < sum.size(); p += 9001) sum[p] = 1'000'000;
  const bright_disk found = find_bright_disk(sum, {576, 576});
  EXPECT_NEAR(found.centre.row, 250, 1);
  EXPECT_NEAR(found.centre.column, 330, 1);
  EXPECT_NEAR(found.radius, 60, 2);
}

TEST(bright_disk, on_a_small_detector) {
  const bright_disk found = find_bright_disk(disk({40, 60}, {20, 25}, 8, 50, 0), {40, 60});
  EXPECT_NEAR(found.centre.row, 20, 0.5);
  EXPECT_NEAR(found.centre.column, 25, 0.5);
  EXPECT_NEAR(found.radius, 8, 0.5);
}

TEST(bright_disk, of_nothing_is_the_middle) {
  const bright_disk found = find_bright_disk(std::vector<std::uint64_t>(20 * 40, 0), {20, 40});
  EXPECT_EQ(found.centre, (detector_point{9.5, 19.5}));
  EXPECT_EQ(found.radius, 5);
}

TEST(bright_disk, refuses_a_sum_of_another_size) {
  EXPECT_THROW((void)find_bright_disk(std::vector<std::uint64_t>(3, 0), {2, 2}), invalid_argument);
}

}  // namespace
