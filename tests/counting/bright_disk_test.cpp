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

TEST(bright_disk, knows_when_it_is_a_guess) {
  constexpr frame_shape shape{60, 60};
  EXPECT_TRUE(find_bright_disk(disk(shape, {30, 20}, 8, 50, 1), shape).found);
  EXPECT_TRUE(find_bright_disk(disk(shape, {0, 30}, 8, 50, 1), shape).found) << "cut by the border";
  EXPECT_TRUE(find_bright_disk(disk(shape, {30, 20}, 3.2, 1, 0), shape).found) << "37 events";
  EXPECT_FALSE(find_bright_disk(disk(shape, {30, 20}, 2.9, 1, 0), shape).found) << "25 events";
  EXPECT_FALSE(find_bright_disk(std::vector<std::uint64_t>(shape.pixels(), 0), shape).found) << "nothing";
  EXPECT_FALSE(find_bright_disk(std::vector<std::uint64_t>(shape.pixels(), 9), shape).found) << "all the same";
  std::vector<std::uint64_t> line(shape.pixels(), 0);
  for (std::size_t column = 0; column < shape.width; ++column) line[30 * shape.width + column] = 100;
  EXPECT_FALSE(find_bright_disk(line, shape).found) << "a line";
}

TEST(bright_disk, refuses_a_sum_of_another_size) {
  EXPECT_THROW((void)find_bright_disk(std::vector<std::uint64_t>(3, 0), {2, 2}), invalid_argument);
}

}  // namespace
