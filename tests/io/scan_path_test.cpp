// How recorded frames lie in a scan: every number here is counted by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/scan_path.hpp>

namespace countem {
namespace {

constexpr std::uint64_t none = 99;

/// The recorded frame of each frame of the scan; also checks that runs give the same.
std::vector<std::uint64_t> order_of(const scan_shape& scan, const scan_path& path, std::uint64_t recorded) {
  const frame_order order(scan, path, recorded);
  std::vector<std::uint64_t> found;
  for (std::uint64_t frame = 0; frame < scan.frames(); ++frame) found.push_back(order.recorded(frame).value_or(none));
  std::vector<std::uint64_t> of_runs;
  while (of_runs.size() < scan.frames()) {
    const ordered_run run = order.run(of_runs.size(), scan.frames());
    EXPECT_EQ(run.first, of_runs.size());
    EXPECT_GT(run.frames, 0U);
    for (std::uint64_t at = 0; at < run.frames && run.frames <= scan.frames(); ++at)
      of_runs.push_back(!run.recorded ? none : *run.recorded + (run.backwards ? run.frames - 1 - at : at));
    if (run.frames == 0) break;
  }
  EXPECT_EQ(of_runs, found);
  const auto lacking = static_cast<std::uint64_t>(std::count(found.begin(), found.end(), none));
  EXPECT_EQ(order.lacking(), lacking);
  return found;
}

using frames = std::vector<std::uint64_t>;

TEST(scan_path, a_plain_path_is_the_order_of_the_recording) {
  EXPECT_TRUE(scan_path{}.is_plain());
  EXPECT_EQ(order_of({2, 3, 1}, {}, 6), (frames{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(order_of({2, 3, 1}, {}, 4), (frames{0, 1, 2, 3, none, none}));
  EXPECT_EQ(words_of(scan_path{}), "");
}

TEST(scan_path, skipped_frames_flyback_and_backward_lines) {
  // 0 1 | 2 3 4 5 | 6 7 | 8 9 10 11 | 12 13 | 14 15 16 17 | 18 19
  const scan_path path{2, 2, true};
  EXPECT_EQ(order_of({3, 4, 1}, path, 20), (frames{2, 3, 4, 5, 11, 10, 9, 8, 14, 15, 16, 17}));
  const frame_order order({3, 4, 1}, path, 23);
  EXPECT_EQ(order.needed(), 18U);
  EXPECT_EQ(order.left_over(), 3U);
  EXPECT_EQ(frame_order({3, 4, 1}, path, 19).left_over(), 0U);
  EXPECT_EQ(words_of(path), "2 frames skipped, 2 frames of flyback behind each line, every second line backwards");
}

TEST(scan_path, a_recording_that_ends_in_a_backward_line_lacks_its_left) {
  EXPECT_EQ(order_of({2, 4, 1}, {0, 0, true}, 6), (frames{0, 1, 2, 3, none, none, 5, 4}));
  EXPECT_EQ(order_of({2, 4, 1}, {0, 1, true}, 6), (frames{0, 1, 2, 3, none, none, none, 5}));
}

TEST(scan_path, positions_before_the_first_frame_are_missing) {
  EXPECT_EQ(order_of({2, 3, 1}, {-2, 0, false}, 3), (frames{none, none, 0, 1, 2, none}));
  EXPECT_EQ(order_of({2, 3, 1}, {-4, 0, true}, 2), (frames{none, none, none, 1, 0, none}));
  EXPECT_EQ(words_of(scan_path{-1, 0, false}), "the first 1 frame of the scan not recorded");
}

TEST(scan_path, frames_of_one_position_keep_their_order) {
  EXPECT_EQ(order_of({2, 2, 2}, {1, 1, true}, 10), (frames{1, 2, 3, 4, 8, 9, 6, 7}));
}

TEST(scan_path, every_order_takes_each_frame_once) {
  for (std::uint64_t recorded = 0; recorded < 30; ++recorded) {
    for (std::int64_t skip = -7; skip < 8; ++skip) {
      for (const bool snake : {false, true}) {
        frames found = order_of({3, 4, 2}, {skip, 1, snake}, recorded);
        std::erase(found, none);
        std::sort(found.begin(), found.end());
        EXPECT_EQ(std::adjacent_find(found.begin(), found.end()), found.end());
      }
    }
  }
}

TEST(scan_path, refuses_numbers_beyond_any_scan) {
  EXPECT_THROW(frame_order({2, 2, 1}, {std::int64_t{1} << 29, 0, false}, 4), invalid_argument);
  EXPECT_THROW(frame_order({2, 2, 1}, {0, 1U << 30, false}, 4), invalid_argument);
}

TEST(scan_path, names_what_else_would_fit) {
  EXPECT_EQ(words_of_foldings(110, {10, 10, 1}),
            "110 frames fill 10 x 11, 11 x 10 or 5 x 22 positions (width x height), or 10 x 10 with 1 frame of flyback behind "
            "each line");
  EXPECT_EQ(words_of_foldings(3, {10, 10, 1}), "");
}

/// "row,column" of the scan's first position in a raster of 3 lines of 4 positions; "none".
std::string place_of(const scan_shape& scan, const scan_path& path, const scan_shape& raster = {3, 4, 1}) {
  const std::optional<raster_place> place = place_in_raster(raster, scan, path);
  return place ? std::to_string(place->row) + "," + std::to_string(place->column) : "none";
}

TEST(scan_path, a_scan_is_a_part_of_the_raster_of_its_frames) {
  EXPECT_EQ(place_of({3, 4, 1}, {}), "0,0");
  EXPECT_EQ(place_of({2, 4, 1}, {4, 0, false}), "1,0");
  EXPECT_EQ(place_of({4, 4, 1}, {-4, 0, false}), "-1,0");
  EXPECT_EQ(place_of({3, 4, 1}, {0, 0, true}), "0,0") << "the same positions in another order";
  EXPECT_EQ(place_of({3, 3, 1}, {0, 1, false}), "0,0") << "without the last column";
  EXPECT_EQ(place_of({2, 3, 1}, {5, 1, false}), "1,1") << "without the first one";
  EXPECT_EQ(place_of({1, 2, 1}, {6, 0, false}), "1,2") << "a part of one line";
  EXPECT_EQ(place_of({1, 9, 1}, {3, 0, false}, {1, 12, 1}), "0,3") << "a part of the only line";
  EXPECT_EQ(place_of({2, 4, 2}, {8, 0, false}, {3, 4, 2}), "1,0") << "two frames at each position";
}

TEST(scan_path, a_scan_is_no_part_of_another_raster) {
  EXPECT_EQ(place_of({1, 12, 1}, {}), "none");
  EXPECT_EQ(place_of({4, 3, 1}, {}), "none");
  EXPECT_EQ(place_of({2, 6, 1}, {}), "none");
  EXPECT_EQ(place_of({3, 4, 1}, {1, 0, false}), "none") << "lines would go round the edge";
  EXPECT_EQ(place_of({1, 4, 1}, {1, 0, false}), "none");
  EXPECT_EQ(place_of({3, 4, 1}, {-1, 0, false}), "none");
  EXPECT_EQ(place_of({2, 4, 1}, {0, 1, false}), "none");
  EXPECT_EQ(place_of({2, 3, 1}, {6, 1, false}), "none");
  EXPECT_EQ(place_of({3, 3, 1}, {0, 1, true}), "none") << "which column the flyback is depends on the line";
  EXPECT_EQ(place_of({3, 4, 1}, {}, {1, 12, 1}), "none");
  EXPECT_EQ(place_of({3, 2, 2}, {}), "none");
  EXPECT_EQ(place_of({2, 4, 2}, {1, 0, false}, {3, 4, 2}), "none") << "half a position";
}

}  // namespace
}  // namespace countem
