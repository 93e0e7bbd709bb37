#include "host/analysis/tilt_image.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include <countem/error.hpp>

#include "tests/reductions/batch_of.hpp"

namespace {

using namespace countem;
using namespace countem::analysis;

TEST(tilt_image, moves_electrons_by_cells_and_knows_what_could_reach_each) {
  // Three pixels in a row; the left one sees half a step to the left, the right one half a step to the right. Two positions.
  const std::vector<std::uint64_t> sum{3, 1, 2};
  const bright_field disk{{1, 3}, {0, 1}, 1, sum};
  tilt_image image(disk, {1, 2, 1}, 2, [](double, double column) { return std::complex<double>(0, column / 2); });
  image.add(view_of(batch_of({{0, 0, 1}, {0, 2, 2}}), {1, 3}), 0, 1);
  // Cells 0 and 2 are the positions. Frame 0: pixel 0 goes to cell -1, beyond the edge, pixel 1 to cell 0; frame 1: pixel 0 to
  // cell 1, pixel 2 to cell 3.
  EXPECT_EQ(image.electrons(), (std::vector<std::uint32_t>{1, 1, 0, 2, 0, 0, 0, 0}));
  // In a frame, the pixels have 3/2, 1/2 and 1 on average; cell 1 is reached by the right one of frame 0 and the left one of 1.
  EXPECT_EQ(image.expected(), (std::vector<double>{0.5, 2.5, 0.5, 1, 0, 0, 0, 0}));
  EXPECT_EQ(image.frames(), 2U);
}

TEST(tilt_image, expects_what_it_would_count_without_contrast) {
  const frame_shape shape{9, 8};
  const scan_shape scan{7, 6, 2};
  std::mt19937 random(6);
  std::vector<std::uint64_t> sum(shape.pixels());
  for (auto& electrons : sum) electrons = random() % 50;
  const bright_field disk{shape, {4.2, 3.1}, 3.6, sum};
  const auto shift = [](double row, double column) {
    return std::complex<double>(0.8 * row + 0.3 * column, -1.1 * column + 0.2);
  };
  for (const std::uint32_t factor : {1U, 2U, 3U}) {
    tilt_image image(disk, scan, factor, shift);
    std::vector<double> wanted(std::size_t{factor} * scan.height * factor * scan.width);
    std::uint64_t frames = 0;
    for (std::uint64_t frame = 0; frame < scan.frames(); ++frame) {
      if (frame % 5 == 2 || frame / 2 == 8) continue;  // missing: one of two repeats, or both
      ++frames;
      image.add(view_of(batch_of({{}}), shape), frame, 1);
      disk.for_pixels([&](std::uint64_t pixel, double row, double column) {
        const std::complex<double> moved = shift(row, column) * static_cast<double>(factor);
        const long to_row = static_cast<long>(frame / 2 / scan.width * factor) + std::lround(moved.real());
        const long to_column = static_cast<long>(frame / 2 % scan.width * factor) + std::lround(moved.imag());
        if (to_row < 0 || to_row >= static_cast<long>(factor * scan.height)) return;
        if (to_column < 0 || to_column >= static_cast<long>(factor * scan.width)) return;
        wanted[static_cast<std::size_t>(to_row) * factor * scan.width + static_cast<std::size_t>(to_column)] +=
            static_cast<double>(sum[pixel]);
      });
    }
    const std::vector<double> expected = image.expected();
    ASSERT_EQ(expected.size(), wanted.size());
    EXPECT_EQ(image.frames(), frames);
    for (std::size_t cell = 0; cell < wanted.size(); ++cell)
      EXPECT_NEAR(expected[cell], wanted[cell] / static_cast<double>(frames), 1e-9) << factor << ": " << cell;
  }
}

TEST(tilt_image, refuses_displacements_beyond_the_scan) {
  const std::vector<std::uint64_t> sum(9, 1);
  const bright_field disk{{3, 3}, {1, 1}, 1, sum};
  EXPECT_THROW(tilt_image(disk, {4, 4, 1}, 2, [](double row, double) { return 4.6 * row; }), invalid_argument);
  EXPECT_NO_THROW(tilt_image(disk, {4, 4, 1}, 2, [](double row, double) { return 4.0 * row; }));
}

}  // namespace
