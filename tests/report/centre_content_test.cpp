#include "host/cli/report/centre_content.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace countem::cli::report {
namespace {

constexpr frame_shape frame{4096, 4096};

/// A frame of events at these places.
event_second_moments moments_of(const std::vector<detector_point>& events) {
  event_second_moments sums;
  for (const detector_point& at : events) {
    const auto row = static_cast<std::uint64_t>(std::lround(at.row));
    const auto column = static_cast<std::uint64_t>(std::lround(at.column));
    add_moments(sums, {{1, row, column}, row * row, row * column, column * column}, frame);
  }
  return sums;
}

reduction_result result_of(const std::vector<std::vector<detector_point>>& positions) {
  reduction_result result;
  for (const std::vector<detector_point>& events : positions) {
    result.second_moments.push_back(moments_of(events));
    result.moments.push_back(result.second_moments.back().first);
  }
  return result;
}

/// What atoms do to a beam that lies around (2000, 2000), in scan axes: the gradient of Gaussians, and four electrons around
/// it, 60 rows apart.
struct atoms {
  static constexpr scan_shape scan{40, 44, 1};
  static detector_point deflection(double row, double column) {
    detector_point sum{};
    for (const detector_point& atom : {detector_point{5, 6},
                                       {6, 19},
                                       {5, 31},
                                       {7, 40},
                                       {19, 5},
                                       {17, 17},
                                       {20, 29},
                                       {18, 41},
                                       {31, 7},
                                       {33, 18},
                                       {32, 30},
                                       {34, 39}}) {
      const double down = row - atom.row;
      const double right = column - atom.column;
      const double weight = -50 * std::exp(-(down * down + right * right) / 18);
      sum = {sum.row + weight * down, sum.column + weight * right};
    }
    return sum;
  }
  /// As a detector that is turned (and not flipped) sees it.
  static reduction_result seen(double degrees) {
    const double c = std::cos(degrees * std::numbers::pi / 180);
    const double s = std::sin(degrees * std::numbers::pi / 180);
    std::vector<std::vector<detector_point>> positions;
    for (std::uint32_t p = 0; p < scan.positions(); ++p) {
      const detector_point at = deflection(p / scan.width, p % scan.width);
      const double row = 2000 + c * at.row - s * at.column;
      const double column = 2000 + s * at.row + c * at.column;
      positions.push_back({{row - 30, column}, {row - 30, column}, {row + 30, column}, {row + 30, column}});
    }
    return result_of(positions);
  }
};

const std::vector<double> all_used(atoms::scan.positions());

TEST(centre_content, shows_what_is_found_and_turns_only_when_asked) {
  const reduction_result result = atoms::seen(30);
  const centre_content plain = centres_of(result, all_used, {}, atoms::scan, frame, 1);
  EXPECT_TRUE(plain.axes.found.is_found && plain.axes.found.sign_is_found);
  EXPECT_NEAR(plain.axes.found.rotation.degrees, 30, 0.5);
  EXPECT_FALSE(plain.axes.is_turned);
  EXPECT_NEAR(plain.errors.row[100], 30 / std::sqrt(3), 1e-9)
      << "variance 4 * 900 / 3 of one electron, 300 of the mean of four";
  EXPECT_NEAR(plain.errors.column[100], 0, 1e-9);

  deflection_options wanted;
  wanted.find_rotation = true;
  const centre_content turned = centres_of(result, all_used, wanted, atoms::scan, frame, 1);
  EXPECT_TRUE(turned.axes.is_turned && !turned.axes.is_given && !turned.axes.rotation.flip);
  const double angle = turned.axes.rotation.degrees * std::numbers::pi / 180;
  EXPECT_NEAR(turned.errors.row[100], std::cos(angle) * 30 / std::sqrt(3), 1e-9);
  EXPECT_NEAR(turned.errors.column[100], std::sin(angle) * 30 / std::sqrt(3), 1e-9);
  detector_point mean{};
  for (std::uint32_t p = 0; p < atoms::scan.positions(); ++p) {
    const detector_point at = atoms::deflection(p / atoms::scan.width, p % atoms::scan.width);
    mean.row += at.row / static_cast<double>(atoms::scan.positions());
    mean.column += at.column / static_cast<double>(atoms::scan.positions());
  }
  for (const std::uint32_t p : {8U * 44 + 8, 17U * 44 + 27, 29U * 44 + 20}) {
    const detector_point at = atoms::deflection(p / 44, p % 44);
    EXPECT_NEAR(turned.maps.row[p], at.row - mean.row, 1) << "rounding to pixels, and the error of the angle";
    EXPECT_NEAR(turned.maps.column[p], at.column - mean.column, 1);
  }
}

TEST(centre_content, takes_a_given_rotation_and_keeps_detector_axes_where_none_is_found) {
  deflection_options wanted;
  wanted.rotation_degrees = 90;
  const centre_content given = centres_of(atoms::seen(0), all_used, wanted, atoms::scan, frame, 1);
  const centre_content plain = centres_of(atoms::seen(0), all_used, {}, atoms::scan, frame, 1);
  EXPECT_TRUE(given.axes.is_turned && given.axes.is_given);
  for (std::size_t p = 0; p < plain.maps.row.size(); ++p) {
    ASSERT_NEAR(given.maps.row[p], plain.maps.column[p], 1e-9);
    ASSERT_NEAR(given.maps.column[p], -plain.maps.row[p], 1e-9);
    ASSERT_NEAR(given.errors.column[p], plain.errors.row[p], 1e-9);
  }
  deflection_options automatic;
  automatic.find_rotation = true;
  const reduction_result one = result_of({{{5, 5}, {6, 7}}});
  EXPECT_FALSE(centres_of(one, {0}, automatic, {1, 1, 1}, frame, 1).axes.is_turned);
}

/// Blocks of 2 x 2: the electrons of a block are one, and positions that are not used are left out of it.
TEST(centre_content, adds_up_blocks) {
  const reduction_result result = result_of({{{10, 20}}, {{14, 20}}, {{90, 90}}, {{12, 26}}});
  const centre_content blocks = centres_of(result, {0, 0, std::nan(""), 0}, {}, {2, 2, 1}, frame, 2);
  ASSERT_EQ(blocks.maps.row.size(), 1U);
  EXPECT_EQ(blocks.maps.row[0], 0) << "from the mean";
  EXPECT_NEAR(blocks.errors.row[0], std::sqrt(4.0 / 3), 1e-12) << "rows 10, 14, 12: variance 4";
  EXPECT_NEAR(blocks.errors.column[0], 2, 1e-12) << "columns 20, 20, 26: variance 12";
}

/// A position of one electron moves neither the mean nor the descan plane by much.
TEST(centre_content, weights_by_electrons) {
  const std::vector<detector_point> many(1000, {100, 50});
  const centre_content content =
      centres_of(result_of({many, many, many, {{200, 50}}}), std::vector<double>(4), {}, {1, 4, 1}, frame, 1);
  EXPECT_NEAR(content.maps.row[0], -100 / 3001.0, 1e-9);
  EXPECT_LT(std::abs(content.row_plane.at({1, 4, 1}, 3)), 1) << "70 by the plane of equal weights";
  EXPECT_TRUE(std::isnan(content.errors.row[3])) << "one electron has no scatter";
}

}  // namespace
}  // namespace countem::cli::report
