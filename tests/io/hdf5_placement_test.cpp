#include "io/sources/hdf5/placement.hpp"

#include <algorithm>

#include "tests/io/source_fixture.hpp"

// Where the datasets of a DECTRIS master lie in its scan: a frame is where it was recorded, or the file is refused.
namespace countem::testing_io {
namespace {

using io::numbered_frames;
using places = std::vector<std::uint64_t>;
using number = std::optional<std::uint64_t>;

/// A run that is there, and one that is not.
numbered_frames run(std::uint64_t of, std::uint64_t frames, number image = {}) {
  return {"d" + std::to_string(of), of, frames, image};
}
numbered_frames lost(std::uint64_t of) {
  return {"d" + std::to_string(of), of, {}, {}};
}

places placed(const std::vector<numbered_frames>& runs, number total = {}) {
  return io::place_frames(runs, total, "x").first;
}

void expect_refused(const std::vector<numbered_frames>& runs, number total, const std::vector<std::string>& words) {
  std::vector<std::string> all{"x: "};
  all.insert(all.end(), words.begin(), words.end());
  expect_error<format_error>([&] { (void)io::place_frames(runs, total, "x"); }, all);
}

TEST(placement, runs_that_are_the_whole_scan_follow_one_another) {
  EXPECT_EQ(placed({run(1, 3), run(3, 3), run(5, 3), run(7, 3)}, 12), (places{0, 3, 6, 9}));
  EXPECT_EQ(placed({run(11, 3), run(12, 3), run(13, 3), run(14, 3)}, 12), (places{0, 3, 6, 9}));
  EXPECT_EQ(placed({run(2, 3, 1), run(3, 3, 4)}, 6), (places{0, 3}));
  const io::placed_frames all = io::place_frames({run(1, 4), lost(2), run(3, 4)}, 8, "x");
  ASSERT_EQ(all.gaps.size(), 1U);
  EXPECT_EQ(all.gaps.front().frames, 0U);
}

TEST(placement, of_image_numbers_that_contradict_one_another_is_refused) {
  const std::string swapped = "one of them leads to another's file";
  expect_refused({run(1, 3, 4), run(2, 3, 1), run(3, 3, 10), run(4, 3, 7)}, 12,
                 {"dataset d2 begins with image 1 (image_nr_low)", "dataset d1 before it with image 4", swapped});
  expect_refused({run(1, 3, 1), run(2, 3, 4), run(3, 3, 4)}, {}, {"dataset d3 begins with image 4", swapped});
  expect_refused({run(1, 3, 0), run(2, 3, 3), run(3, 3, 4), run(4, 3, 9)}, {},
                 {"dataset d3 begins with image 4", "dataset d2 before it with image 3 and holds 3 frames"});
  expect_refused({run(1, 3, 0), run(2, 3, 3), run(3, 3, 6'999'999)}, 12, {"dataset d3 would end with frame 7000002 of 12"});
  // Numbers that begin anew in each run are no places.
  EXPECT_EQ(placed({run(1, 3, 0), run(2, 3, 0)}), (places{0, 3}));
  EXPECT_EQ(placed({run(1, 3, 1), run(2, 3, 1), run(3, 3, 1)}), (places{0, 3, 6}));
}

TEST(placement, of_lengths_that_contradict_the_total_is_refused) {
  expect_refused({run(1, 5), lost(2), lost(3), run(4, 1)}, 12, {"dataset d4 would end with frame 16 of 12"});
  expect_refused({run(1, 3), run(3, 3), run(5, 3)}, 12, {"dataset d5 would end with frame 15 of 12"});
  expect_refused({run(1, 4), lost(2), run(3, 4), lost(4)}, 12, {"would end with frame 12 of 12", "contradicts their lengths"});
  expect_refused({run(1, 2), lost(2), lost(3), run(4, 1)}, 9, {"would end with frame 7 of 9"});
}

TEST(placement, the_last_run_is_never_longer_than_the_others) {
  expect_refused({run(1, 1), run(3, 8)}, {}, {"dataset d3 holds 8 frames and is the last, those before it 1"});
  expect_refused({run(1, 1), lost(2), run(3, 8)}, {}, {"never longer"});
  expect_refused({run(2, 1), run(3, 8)}, {}, {"never longer"});
  EXPECT_EQ(placed({run(1, 1), run(3, 8)}, 12), (places{0, 4}));
  EXPECT_EQ(placed({run(1, 1, 1), run(3, 8, 5)}), (places{0, 4})) << "image numbers show it";
  EXPECT_EQ(placed({run(1, 2), lost(2), run(3, 2), lost(4)}), (places{0, 4}));
}

TEST(placement, a_short_last_run_ends_the_scan) {
  EXPECT_EQ(placed({run(1, 2), lost(2), run(3, 1)}, 6), (places{0, 5}));
  EXPECT_EQ(placed({run(1, 2), lost(2), run(3, 1)}, 5), (places{0, 4}));
  EXPECT_EQ(placed({run(1, 2), lost(2), run(3, 1)}), (places{0, 4}));
  EXPECT_EQ(placed({run(1, 2), lost(2), run(3, 2)}, 8), (places{0, 4})) << "the last two frames were never taken";
}

TEST(placement, of_runs_that_differ) {
  const std::vector<numbered_frames> uneven{run(1, 3), run(2, 5), lost(3), run(4, 2)};
  expect_refused(uneven, {}, {"of the datasets before d4"});
  EXPECT_EQ(placed(uneven, 14), (places{0, 3, 12}));
  EXPECT_EQ(io::place_frames({run(0, 3), run(1, 3)}, {}, "x").end, 6U);
  expect_refused({run(1, 3), run(1, 3)}, {}, {"the number of another one"});
  expect_refused({run(1, 3), run(999'999'999, 3)}, {}, {"of the datasets before d999999999"});
  EXPECT_EQ(io::place_frames({run(1, 3)}, ~std::uint64_t{0}, "x").end, 3U) << "a claim beyond all scans";
}

TEST(placement, the_first_run_has_the_base_of_image_numbers) {
  EXPECT_EQ(placed({run(1, 4, 0), run(2, 4, 4), run(3, 4, 8)}, 12), (places{0, 4, 8}));
  EXPECT_EQ(placed({run(1, 4, 1000), lost(2), run(3, 4, 1008)}), (places{0, 8}));
  EXPECT_EQ(placed({run(1, 4, 0), run(2, 2, 4)}, 12), (places{0, 4})) << "a scan that was aborted";
  expect_refused({run(1, 4, 5), run(2, 4, 9)}, 12, {"would end with frame 8 of 12", "image_nr_low"});
}

TEST(placement, where_the_first_run_lacks_lengths_or_the_total_show_the_base) {
  EXPECT_EQ(placed({lost(1), run(2, 4, 4), run(3, 4, 8)}), (places{4, 8}));
  EXPECT_EQ(placed({lost(1), run(2, 4, 5), run(3, 4, 9)}), (places{4, 8}));
  EXPECT_EQ(placed({run(2, 4, 5), run(3, 2, 9)}, 20), (places{4, 8})) << "a scan that was aborted";
  EXPECT_EQ(placed({lost(1), run(2, 2, 4)}, 6), (places{4}));
  EXPECT_EQ(placed({lost(1), lost(2), run(3, 4, 8)}, 12), (places{8}));
  EXPECT_EQ(placed({lost(1), lost(2), run(3, 4, 8)}), (places{8})) << "from 1 the lost ones would differ";
  EXPECT_EQ(placed({lost(1), run(2, 4, 4)}), (places{4})) << "from 1 the lost one would be shorter than the last";
  EXPECT_EQ(placed({lost(1), run(2, 2, 3)}), (places{2})) << "where nothing shows it, it is 1";
  EXPECT_EQ(placed({run(2, 2, 3)}, 12), (places{2}));
}

TEST(placement, a_base_that_contradicts_lengths_or_the_total_is_refused) {
  const std::string why = "contradict the lengths of the datasets or their total";
  expect_refused({lost(1), run(2, 4, 1), run(3, 4, 5)}, {}, {"d2 begins with image 1", "one dataset is not there", why});
  expect_refused({lost(1), run(2, 4, 3)}, {}, {"d2 begins with image 3", "counted from 1", why});
  expect_refused({lost(1), lost(2), run(3, 4, 7)}, 100, {"2 datasets are not there", why});
}

/// Runs as a detector makes them, of which those are there whose bit is set.
std::vector<numbered_frames> recorded(std::uint64_t datasets, std::uint64_t length, std::uint64_t last, number base,
                                      unsigned there) {
  std::vector<numbered_frames> runs;
  for (std::uint64_t at = 0; at < datasets; ++at) {
    const number image = base ? number(*base + at * length) : std::nullopt;
    const bool is_there = (there >> at & 1U) != 0;
    runs.push_back(is_there ? run(at + 1, at + 1 < datasets ? length : last, image) : lost(at + 1));
  }
  return runs;
}

TEST(placement, whatever_lacks_a_scan_is_placed_as_it_was_recorded_or_refused) {
  unsigned cases = 0;
  unsigned refused = 0;
  const auto expect_right = [&](const std::vector<numbered_frames>& runs, std::uint64_t length, number total) {
    ++cases;
    places right;
    for (const numbered_frames& each : runs) {
      if (each.frames) right.push_back((each.number - 1) * length);
    }
    try {
      EXPECT_EQ(placed(runs, total), right);
    } catch (const format_error&) {
      ++refused;
    }
  };
  for (std::uint64_t datasets = 1; datasets <= 5; ++datasets) {
    for (unsigned there = 1; there < 1U << datasets; ++there) {
      const bool is_last_alone = there == 1U << (datasets - 1);
      for (std::uint64_t length = 1; length <= 4; ++length) {
        for (std::uint64_t last = 1; last <= length; ++last) {
          SCOPED_TRACE(testing::Message() << datasets << ' ' << there << ' ' << length << ' ' << last);
          const std::uint64_t total = (datasets - 1) * length + last;
          for (const number base : {number(), number(0), number(1)}) {
            expect_right(recorded(datasets, length, last, base, there), length, total);
            if (base == 1U || !is_last_alone) expect_right(recorded(datasets, length, last, base, there), length, {});
          }
        }
      }
    }
  }
  EXPECT_EQ(cases, 3320U);
  EXPECT_LT(refused * 4, cases);
}

}  // namespace
}  // namespace countem::testing_io
