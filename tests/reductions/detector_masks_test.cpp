// Masks are drawn row by row; here pixel by pixel, as they are defined.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <countem/reductions.hpp>

namespace {

using namespace countem;

bool is_in_ring(const virtual_detector& ring, detector_point centre, std::uint32_t row, std::uint32_t column) {
  const double rows = row - centre.row;
  const double columns = column - centre.column;
  const double squared = rows * rows + columns * columns;
  return squared >= ring.inner * ring.inner && squared < ring.outer * ring.outer;
}

bool is_in_arithmetic(const annulus_test& test, std::uint32_t row, std::uint32_t column) {
  const float rows = static_cast<float>(row) - test.row;
  const float columns = static_cast<float>(column) - test.column;
  const float squared = rows * rows + columns * columns;
  return squared >= test.inner && squared < test.outer;
}

struct drawn_ring {
  frame_shape shape;
  detector_point centre;
  virtual_detector ring;
};

/// Centres on pixels, between them, and far outside; radii that whole numbers hit, and others.
drawn_ring draw(std::mt19937_64& random) {
  const auto number = [&](double low, double high) { return std::uniform_real_distribution<double>(low, high)(random); };
  drawn_ring drawn;
  drawn.shape = {1 + static_cast<std::uint32_t>(random() % 40), 1 + static_cast<std::uint32_t>(random() % 40)};
  drawn.centre = {number(-15, 55), number(-15, 55)};
  if (random() % 2 == 0) drawn.centre = {std::round(drawn.centre.row * 2) / 2, std::round(drawn.centre.column * 2) / 2};
  drawn.ring.outer = number(0.1, 40);
  if (random() % 2 == 0) drawn.ring.outer = std::ceil(drawn.ring.outer);
  drawn.ring.inner = random() % 3 == 0 ? 0 : drawn.ring.outer * number(0, 0.999);
  if (random() % 2 == 0) drawn.ring.inner = std::floor(drawn.ring.inner);
  return drawn;
}

TEST(detector_masks, rings_hold_the_pixels_between_their_radii) {
  std::mt19937_64 random(1);
  unsigned as_arithmetic = 0;
  for (unsigned round = 0; round < 2000; ++round) {
    const drawn_ring one = draw(random);
    const detector_masks masks = make_masks({&one.ring, 1}, one.shape, one.centre);
    row_range rows{};
    for (std::uint32_t row = 0; row < one.shape.height; ++row) {
      for (std::uint32_t column = 0; column < one.shape.width; ++column) {
        const bool inside = is_in_ring(one.ring, one.centre, row, column);
        ASSERT_EQ(masks.contains(0, std::uint64_t{row} * one.shape.width + column), inside)
            << round << ": " << row << ", " << column << " around " << one.centre.row << ", " << one.centre.column;
        if (inside && rows.end == 0) rows.first = row;
        if (inside) rows.end = row + 1;
        if (masks.arithmetic[0]) {
          ASSERT_EQ(is_in_arithmetic(*masks.arithmetic[0], row, column), inside) << round;
        }
      }
    }
    ASSERT_EQ(masks.rows[0].first, rows.first) << round;
    ASSERT_EQ(masks.rows[0].end, rows.end) << round;
    as_arithmetic += masks.arithmetic[0] ? 1 : 0;
  }
  EXPECT_GT(as_arithmetic, 1500U) << "which is the fast way";
}

TEST(detector_masks, a_ring_too_thin_for_float32_has_no_arithmetic) {
  virtual_detector thin;
  thin.inner = std::sqrt(1e8 + 0.5);  // float32 has no number between 1e8 and 1e8 + 8
  thin.outer = std::sqrt(1e8 + 5);
  const detector_point centre{0, -10000};
  const detector_masks masks = make_masks({&thin, 1}, {4, 1}, centre);
  for (std::uint32_t row = 0; row < 4; ++row) EXPECT_EQ(masks.contains(0, row), row == 1 || row == 2) << row;
  EXPECT_FALSE(masks.arithmetic[0].has_value());
}

TEST(detector_masks, excluded_pixels_are_in_no_detector_and_end_arithmetic_only_where_one_had_them) {
  const std::vector<virtual_detector> two{parse_detector("disk:2@4,4"), parse_detector("disk:2@4,12")};
  std::vector<std::uint8_t> excluded(9 * 17);
  excluded[4 * 17 + 4] = 1;
  excluded[0] = 1;
  const detector_masks masks = make_masks(two, {9, 17}, {0, 0}, excluded);
  EXPECT_FALSE(masks.contains(0, 4 * 17 + 4));
  EXPECT_TRUE(masks.contains(0, 4 * 17 + 5));
  EXPECT_TRUE(masks.contains(1, 4 * 17 + 12));
  EXPECT_FALSE(masks.arithmetic[0].has_value());
  EXPECT_TRUE(masks.arithmetic[1].has_value());
}

}  // namespace
