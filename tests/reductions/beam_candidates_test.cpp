// Two disks that may both be the beam: it is named with the other one, or not found at all where they are alike.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <countem/centre.hpp>
#include <countem/error.hpp>

#include "tests/reductions/drawn_pattern.hpp"

namespace {

using namespace countem;
using namespace countem::test;

constexpr frame_shape shape{300, 320};

struct disk {
  detector_point centre{};
  double electrons = 0;
};

/// A tenth of the electrons more is spread over the frame.
pattern with_disks(const std::vector<disk>& disks, double radius, std::uint64_t seed, double blur = 0) {
  dice random(seed);
  pattern made{shape, std::vector<std::uint64_t>(shape.pixels(), 0), {}};
  double all = 0;
  for (const disk& one : disks) {
    add_disk(made, random, one.centre, radius, one.electrons, blur);
    all += one.electrons;
  }
  add_flat(made, random, all / 10);
  return made;
}

/// Six disks of a share of the electrons of the one in their middle.
std::vector<disk> lattice(detector_point middle, double distance, double electrons, double share) {
  std::vector<disk> disks{{middle, electrons}};
  for (int k = 0; k < 6; ++k) {
    const double angle = k * std::numbers::pi / 3 + 0.3;
    disks.push_back({{middle.row + distance * std::sin(angle), middle.column + distance * std::cos(angle)}, share * electrons});
  }
  return disks;
}

constexpr double radii[]{4, 14, 40};
constexpr double doses[]{1e3, 1e4, 1e5};

TEST(beam_candidates, of_two_disks_that_are_alike_neither_is_the_beam) {
  for (const double radius : radii) {
    for (const double electrons : doses) {
      for (const double share : {1.0, 0.85}) {
        const std::vector<disk> two{{{90.3, 100.8}, electrons}, {{200.6, 210.1}, share * electrons}};
        const found_beam beam = find(with_disks(two, radius, 1));
        ASSERT_EQ(beam.candidates.size(), 2U) << radius << ", " << electrons << ", " << share;
        EXPECT_FALSE(beam.found);
        EXPECT_TRUE(beam.guess);
        EXPECT_EQ(beam.centre, middle_of(shape));
        EXPECT_TRUE(std::isnan(beam.centre_error.row));
        EXPECT_EQ(beam.how, "the frame's middle, since two disks in the summed pattern are alike");
        const bool in_order = beam.candidates[0].centre.row < 150;
        EXPECT_TRUE(in_order || share == 1 || electrons <= 1e3) << "the brighter one is first";
        const beam_candidate& first = beam.candidates[in_order ? 0 : 1];
        const beam_candidate& second = beam.candidates[in_order ? 1 : 0];
        EXPECT_NEAR(first.centre.row, 90.3, 1);
        EXPECT_NEAR(first.centre.column, 100.8, 1);
        EXPECT_NEAR(second.centre.row, 200.6, 1);
        EXPECT_NEAR(second.centre.column, 210.1, 1);
        EXPECT_NEAR(second.electrons / first.electrons, share, electrons > 1e3 ? 0.06 : 0.2);
        EXPECT_NEAR(first.electrons, electrons, 0.15 * electrons);
      }
    }
  }
}

TEST(beam_candidates, touching_overlapping_and_cut_disks_count_too) {
  constexpr double radius = 20;
  for (const detector_point other :
       {detector_point{100, 100 + 2 * radius}, {100, 100 + 1.4 * radius}, {200, 318}, {299, 160}}) {
    const found_beam beam = find(with_disks({{{100, 100}, 2e4}, {other, 2e4}}, radius, 2));
    EXPECT_FALSE(beam.found) << other.row << ", " << other.column;
    EXPECT_EQ(beam.candidates.size(), 2U) << other.row << ", " << other.column;
  }
  EXPECT_FALSE(find(with_disks({{{100, 100}, 2e4}, {{200, 210}, 2e4}}, 12, 3, 1.5)).found) << "blurred";
}

TEST(beam_candidates, a_lattice_whose_beam_is_stopped_has_none) {
  for (const double radius : {6.0, 14.0, 25.0}) {
    pattern drawn = with_disks(lattice({150, 160}, 2.8 * radius, 1e5, 0.3), radius, 4);
    for (std::uint32_t row = 0; row < shape.height; ++row) {
      for (std::uint32_t column = 0; column < shape.width; ++column) {
        if (std::hypot(row - 150.0, column - 160.0) < 1.2 * radius) drawn.sum[std::size_t{row} * shape.width + column] = 0;
      }
    }
    const found_beam beam = find(drawn);
    EXPECT_FALSE(beam.found) << radius;
    EXPECT_EQ(beam.candidates.size(), 2U) << radius;
  }
}

TEST(beam_candidates, a_lesser_disk_is_named_beside_the_beam) {
  for (const double radius : radii) {
    const std::vector<disk> two{{{90.3, 100.8}, 3e4}, {{200.6, 210.1}, 0.6 * 3e4}};
    const found_beam beam = find(with_disks(two, radius, 5));
    ASSERT_TRUE(beam.found) << radius;
    EXPECT_FALSE(beam.guess);
    EXPECT_NEAR(beam.centre.row, 90.3, 0.2);
    EXPECT_LT(beam.centre_error.row, 0.2);
    ASSERT_EQ(beam.candidates.size(), 2U) << radius;
    EXPECT_EQ(beam.candidates[0].centre, beam.centre);
    EXPECT_NEAR(beam.candidates[1].centre.row, 200.6, 0.3);
    EXPECT_NEAR(beam.candidates[1].electrons / beam.candidates[0].electrons, 0.6, 0.05);
  }
}

/// A hot spot, a halo, an annulus, a stop across, weak disks beside it: no second disk.
TEST(beam_candidates, a_beam_that_is_alone_is_found_without_a_word) {
  const auto alone = [](const pattern& drawn, const std::string& about) {
    const found_beam beam = find(drawn);
    EXPECT_TRUE(beam.found) << about;
    EXPECT_TRUE(beam.candidates.empty()) << about;
    EXPECT_EQ(beam.how, "found in the summed pattern") << about;
    EXPECT_NEAR(beam.centre.row, 140, 1) << about;
    EXPECT_NEAR(beam.centre.column, 170, 1) << about;
  };
  for (const double radius : radii) {
    for (const double electrons : doses) alone(with_disks({{{140, 170}, electrons}}, radius, 6), "one disk");
  }
  alone(with_disks(lattice({140, 170}, 2.6 * 20, 3e4, 0.4), 20, 7), "a lattice");
  alone(with_disks({{{140, 170}, 3e4}, {{60, 60}, 0.35 * 3e4}}, 20, 8), "a weak disk");
  pattern ring = with_disks({{{140, 170}, 3e4}}, 40, 9);
  pattern bar = ring;
  pattern halo = with_disks({{{140, 170}, 1e4}}, 15, 10);
  pattern hot = halo;
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) {
      const std::size_t pixel = std::size_t{row} * shape.width + column;
      if (std::hypot(row - 140.0, column - 170.0) < 20) ring.sum[pixel] = 0;
      if (std::abs(row - 145.0) < 8) bar.sum[pixel] = 0;
      if (std::hypot(row - 250.0, column - 60.0) < 1.5) hot.sum[pixel] = 1'000'000;
    }
  }
  dice random(11);
  for (int i = 0; i < 20'000; ++i) add(halo, {140 + 60 * random.normal(), 170 + 60 * random.normal()});
  alone(ring, "an annulus");
  alone(bar, "a bar");
  alone(halo, "a halo");
  alone(hot, "hot pixels");
}

/// Words and places are those of detector pixels whatever the grid.
TEST(beam_candidates, are_named_in_detector_pixels) {
  const std::vector<disk> alike{{{90, 100}, 3e4}, {{210, 260}, 3e4}};
  const std::vector<disk> lesser{{{90, 100}, 3e4}, {{210, 260}, 0.6 * 3e4}};
  const store_geometry fine = counted_geometry({shape.height / 2, shape.width / 2}, 2);
  const auto named = [&](const std::vector<disk>& disks) {
    return find_stored_beam(with_disks(disks, 20, 12).sum, shape, fine, {}, "the summed pattern");
  };
  const auto apart = [](detector_point a, detector_point b) { return std::hypot(a.row - b.row, a.column - b.column); };
  const found_beam none = named(alike);
  ASSERT_EQ(none.candidates.size(), 2U);
  EXPECT_NEAR(none.candidates[0].centre.row + none.candidates[1].centre.row, 45 + 105 - 0.5, 0.5);
  EXPECT_EQ(none.how.find("the frame's middle, since two disks in the summed pattern are alike: one at row "), 0U) << none.how;
  const double apart_alike = apart(none.candidates[0].centre, none.candidates[1].centre);
  EXPECT_NEAR(apart_alike, 100, 0.3);
  EXPECT_NE(none.how.find(fmt::format("{:.1f} pixels away, with", apart_alike)), std::string::npos) << none.how;
  const found_beam one = named(lesser);
  EXPECT_TRUE(one.found);
  const beam_candidate& other = one.candidates.at(1);
  EXPECT_NEAR(other.centre.row, 105 - 0.25, 0.3);
  EXPECT_NEAR(other.centre.column, 130 - 0.25, 0.3);
  const double apart_lesser = apart(one.centre, other.centre);
  EXPECT_NEAR(apart_lesser, 100, 0.3);
  EXPECT_EQ(
      one.how,
      fmt::format("found in the summed pattern (another disk lies at row {:.1f}, column {:.1f}, {:.1f} pixels away, with "
                  "{:.0f} % of its electrons)",
                  other.centre.row, other.centre.column, apart_lesser, 100 * other.electrons / one.candidates[0].electrons));
  EXPECT_EQ(in_cells(one, fine).candidates[1].centre, (detector_point{fine.row.index_of(one.candidates[1].centre.row),
                                                                      fine.column.index_of(one.candidates[1].centre.column)}));
}

}  // namespace
