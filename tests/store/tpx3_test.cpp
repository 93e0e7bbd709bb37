#include "io/event_files/tpx3_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/store/import_fixture.hpp"
#include "tests/store/tpx3_samples.hpp"

namespace countem {
namespace {

using test::bytes_of;
using test::tpx3_chunks;
using test::tpx3_mark;
using test::tpx3_pixel;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using words = std::vector<std::uint64_t>;

import_options tpx3_options(std::optional<scan_shape> scan, std::optional<double> dwell_us = std::nullopt,
                            std::optional<double> cluster_ns = std::nullopt) {
  import_options options;
  options.scan = scan;
  options.dwell_us = dwell_us;
  options.cluster_ns = cluster_ns;
  return options;
}

class tpx3 : public test::imported_file {
 protected:
  tpx3() : imported_file("a.tpx3") {}
};

std::uint32_t pixel(std::uint32_t row, std::uint32_t column) {
  return row * 256 + column;
}

TEST_F(tpx3, marks_begin_positions) {
  EXPECT_THAT(import(test::two_positions()), IsEmpty());
  EXPECT_EQ(description().shape, (frame_shape{256, 256}));
  EXPECT_EQ(description().scan, (scan_shape{1, 2, 1}));
  // Rows (30 * 3 + 10 * 4) / 40 = 3.25, columns 5.25.
  EXPECT_THAT(events().indices, ElementsAre(pixel(3, 5), pixel(200, 100)));
  EXPECT_THAT(events().indptr, ElementsAre(0U, 1U, 2U));
  EXPECT_THAT(description().provenance, testing::Contains(testing::Pair("scan_marks", "rising edges of input 1")));
}

TEST_F(tpx3, marks_begin_lines_of_positions_of_one_time) {
  // Positions of 1 us are 640 sixteenths of 25 ns.
  const std::string file = bytes_of(tpx3_chunks({
      tpx3_pixel(9, 9, 9'000),                                                    // before the scan
      tpx3_mark(10'000), tpx3_pixel(0, 0, 10'000), tpx3_pixel(0, 10, 10'639),     // position 0
      tpx3_pixel(0, 20, 10'640), tpx3_pixel(0, 30, 11'280),                       // position 1; behind the line
      tpx3_mark(20'000), tpx3_pixel(0, 40, 20'700), tpx3_pixel(255, 255, 90'000)  // position 3; behind the scan
  }));
  const auto issues = import(file, tpx3_options(scan_shape{2, 2, 1}, 1.0));
  ASSERT_THAT(issues, SizeIs(1));
  EXPECT_THAT(issues[0].text, HasSubstr("3 electrons came before, between or behind"));
  EXPECT_EQ(issues[0].occurrences, 3U);
  EXPECT_THAT(events().indices, ElementsAre(pixel(0, 0), pixel(0, 10), pixel(0, 20), pixel(0, 40)));
  EXPECT_THAT(events().indptr, ElementsAre(0U, 2U, 3U, 3U, 4U));
  EXPECT_THAT(refusal(file, tpx3_options(scan_shape{2, 2, 1})), HasSubstr("2 marks, as many as the scan has lines"));
  EXPECT_THAT(refusal(file, tpx3_options(std::nullopt, 1.0)), HasSubstr("size of the scan"));
  EXPECT_THAT(refusal(file, tpx3_options(scan_shape{2, 2, 2}, 1.0)), HasSubstr("one frame at each position"));
}

TEST_F(tpx3, the_last_position_ends_after_the_usual_time) {
  words file;
  for (std::uint64_t mark = 1; mark <= 3; ++mark) file.push_back(tpx3_mark(mark * 10'000));
  file.insert(file.end(), {tpx3_pixel(1, 1, 39'999), tpx3_pixel(9, 9, 40'000)});
  EXPECT_THAT(import(bytes_of(tpx3_chunks(file))), SizeIs(1));
  EXPECT_THAT(events().indices, ElementsAre(pixel(1, 1)));
}

TEST_F(tpx3, scans_of_other_numbers_of_positions) {
  EXPECT_THAT(import(test::two_positions(), tpx3_options(scan_shape{1, 5, 1}))[0].text,
              HasSubstr("holds 2 whole frames, the scan of 5 x 1 positions (width x height) takes 5"));
  EXPECT_THAT(events().status, ElementsAre(all_sectors, all_sectors, 0, 0, 0));
  EXPECT_THAT(import(test::two_positions(), tpx3_options(scan_shape{1, 1, 1}))[0].text, HasSubstr("the rest is left out"));
  EXPECT_THAT(events().indices, ElementsAre(pixel(3, 5)));
}

TEST_F(tpx3, without_marks_all_is_one_frame) {
  const std::string file = bytes_of(tpx3_chunks({tpx3_pixel(1, 2, 100), tpx3_pixel(3, 2, 100), tpx3_pixel(1, 2, 99'000)}));
  EXPECT_THAT(import(file), IsEmpty());
  EXPECT_THAT(events().indices, ElementsAre(pixel(1, 2), pixel(1, 2), pixel(3, 2)));
  EXPECT_THAT(refusal(file, tpx3_options(scan_shape{2, 2, 1})), HasSubstr("no marks"));
  EXPECT_THAT(refusal(file, tpx3_options(scan_shape{1, 1, 1}, 1.0)), HasSubstr("no marks"));
}

TEST_F(tpx3, other_edges_mark_where_the_first_input_has_none) {
  import(bytes_of(tpx3_chunks({tpx3_mark(100, 0x6b), tpx3_pixel(1, 2, 150), tpx3_mark(200, 0x6b)})));
  EXPECT_THAT(description().provenance, testing::Contains(testing::Pair("scan_marks", "falling edges of input 2")));
  EXPECT_EQ(description().scan.frames(), 2U);
}

TEST_F(tpx3, times_that_start_anew_go_on) {
  constexpr std::uint64_t turn = std::uint64_t{1} << 34U;
  words file;
  for (std::uint64_t i = 0; i < 10; ++i) {
    const std::uint64_t time = turn - 2000 + i * turn / 5;  // two turns
    file.insert(file.end(), {tpx3_pixel(i, 7, time + 50), tpx3_mark(time)});
  }
  EXPECT_THAT(import(bytes_of(tpx3_chunks(file))), IsEmpty());
  event_batch found = events();
  ASSERT_THAT(found.indices, SizeIs(10));
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_EQ(found.indices[i], pixel(i, 7));
  EXPECT_EQ(found.indptr.back() - found.indptr[9], 1U);
}

TEST_F(tpx3, four_chips_lie_around_the_middle) {
  words file;
  for (std::uint64_t chip = 0; chip < 4; ++chip) {
    const words of_chip = tpx3_chunks({tpx3_pixel(1, 2, 1000 * (chip + 1))}, chip);
    file.insert(file.end(), of_chip.begin(), of_chip.end());
  }
  const auto issues = import(bytes_of(file));
  ASSERT_THAT(issues, SizeIs(1));
  EXPECT_EQ(issues[0].kind, "chips_placed");
  EXPECT_EQ(description().shape, (frame_shape{512, 512}));
  EXPECT_THAT(events().indices, ElementsAre(1U * 512 + 2, 1U * 512 + 258, 510U * 512 + 253, 510U * 512 + 509));
  EXPECT_THAT(refusal(bytes_of(tpx3_chunks({tpx3_pixel(1, 2, 3)}, 4))), HasSubstr("beyond the fourth"));
}

TEST_F(tpx3, chips_that_were_not_hit_have_their_places) {
  words file = tpx3_chunks({tpx3_mark(1'000)}, 0);
  for (const std::uint64_t chip : {1U, 3U}) file.push_back(tpx3_chunks({0}, chip)[0] & 0xffff'ffff'ffffU);  // of 0 bytes
  const words hit = tpx3_chunks({tpx3_pixel(10, 20, 2'000)}, 2);
  file.insert(file.end(), hit.begin(), hit.end());
  import(bytes_of(file));
  EXPECT_EQ(description().shape, (frame_shape{512, 512}));
  EXPECT_THAT(events().indices, ElementsAre((511U - 10) * 512 + 255 - 20));
}

TEST_F(tpx3, marks_that_chips_repeat_are_one) {
  words file;
  for (const std::uint64_t chip : {0U, 1U}) {
    // The second chip's are a clock's period later.
    const words marks = tpx3_chunks({tpx3_mark(1'000 + chip * 16), tpx3_mark(11'000 + chip * 16)}, chip);
    file.insert(file.end(), marks.begin(), marks.end());
  }
  const words hits = tpx3_chunks({tpx3_pixel(1, 1, 1'500), tpx3_pixel(2, 2, 11'500)});
  file.insert(file.end(), hits.begin(), hits.end());
  const auto issues = import(bytes_of(file));
  ASSERT_THAT(issues, SizeIs(2));
  EXPECT_EQ(issues[0].kind, "repeated_marks");
  EXPECT_EQ(issues[0].occurrences, 2U);
  EXPECT_EQ(issues[1].kind, "chips_placed");
  EXPECT_THAT(events().indptr, ElementsAre(0U, 1U, 2U));
}

TEST_F(tpx3, marks_of_the_input_that_fits_the_scan) {
  words file{tpx3_mark(1'000)};  // a start at input 1, positions at input 2
  for (std::uint64_t i = 0; i < 6; ++i) {
    file.push_back(tpx3_mark(10'000 + i * 10'000, 0x6e));
    file.push_back(tpx3_pixel(i, 7, 15'000 + i * 10'000));
  }
  for (const std::optional<scan_shape> scan : {std::optional<scan_shape>(), std::optional(scan_shape{2, 3, 1})}) {
    const auto issues = import(bytes_of(tpx3_chunks(file)), tpx3_options(scan));
    ASSERT_THAT(issues, SizeIs(1));
    EXPECT_THAT(issues[0].text, HasSubstr("(rising edges of input 2: 6, rising edges of input 1: 1); the first are taken"));
    EXPECT_THAT(events().indptr, ElementsAre(0U, 1U, 2U, 3U, 4U, 5U, 6U));
  }
  import(bytes_of(tpx3_chunks(file)), tpx3_options(scan_shape{1, 1, 1}));
  EXPECT_THAT(description().provenance, testing::Contains(testing::Pair("scan_marks", "rising edges of input 1")));
  EXPECT_THAT(events().indptr, ElementsAre(0U, 6U));
}

TEST_F(tpx3, lines_longer_than_the_time_between_marks_are_refused) {
  words file;
  for (std::uint64_t i = 0; i < 3; ++i)
    file.insert(file.end(), {tpx3_mark(10'000 + i * 6'400), tpx3_pixel(1, 1, 10'100 + i * 6'400)});
  // Marks come every 10 us.
  EXPECT_THAT(refusal(bytes_of(tpx3_chunks(file)), tpx3_options(scan_shape{3, 4, 1}, 3.0)),
              HasSubstr("4 positions of 3 us take 12 us, but marks, which begin lines, come every 10 us"));
  EXPECT_THAT(import(bytes_of(tpx3_chunks(file)), tpx3_options(scan_shape{3, 4, 1}, 2.5)), IsEmpty());
}

TEST_F(tpx3, times_far_from_those_before_them_are_warned_of) {
  constexpr std::uint64_t ten_seconds = 6'400'000'000;
  words file;
  for (std::uint64_t i = 0; i < 4; ++i) file.push_back(tpx3_mark(1'000'000 + i * ten_seconds));
  for (std::uint64_t i = 0; i < 4; ++i) file.push_back(tpx3_pixel(1, 1, 1'001'000 + i * ten_seconds));
  const auto issues = import(bytes_of(tpx3_chunks(file)));
  ASSERT_THAT(issues, testing::Not(IsEmpty()));
  EXPECT_EQ(issues[0].kind, "uncertain_times");
  EXPECT_THAT(issues[0].text, HasSubstr("lie 10.0 s apart; their times start anew every 26.8 s"));
}

TEST_F(tpx3, hits_far_out_of_order_are_put_in_order) {
  // Two chips one after the other, each longer than a block that is read at once.
  constexpr std::uint64_t hits = 300'000;
  words file{tpx3_chunks({tpx3_mark(1'000), tpx3_mark(1'000 + hits * 50)}, 0)};
  for (const std::uint64_t chip : {0U, 3U}) {
    words of_chip;
    for (std::uint64_t i = 0; i < hits; ++i) of_chip.push_back(tpx3_pixel(i % 200, 40, 1'000 + i * 100));
    const words chunks = tpx3_chunks(of_chip, chip, 1000);
    file.insert(file.end(), chunks.begin(), chunks.end());
  }
  import(bytes_of(file), tpx3_options(std::nullopt, std::nullopt, 0.0));
  const event_batch found = events();
  EXPECT_THAT(found.indptr, ElementsAre(0U, hits, 2 * hits));
}

TEST_F(tpx3, damaged_and_cut_files_keep_what_is_whole) {
  const std::string whole = test::two_positions();
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    try {
      EXPECT_THAT(import(whole.substr(0, bytes)), testing::Not(IsEmpty()));
    } catch (const error& reason) {
      EXPECT_LE(bytes, 3 * sizeof(std::uint64_t) - 1);  // no hit yet
      EXPECT_THAT(reason.what(), HasSubstr("a.tpx3"));
    }
  }
  EXPECT_THAT(refusal(whole.substr(0, 16)), HasSubstr("holds no hits"));
  const auto issues = import(whole + std::string(16, 'x') + bytes_of(tpx3_chunks({tpx3_pixel(9, 9, 20'700)})));
  ASSERT_THAT(issues, testing::Not(IsEmpty()));
  EXPECT_EQ(issues[0].kind, "damaged_chunk");
  EXPECT_EQ(issues[0].occurrences, 2U);
  EXPECT_THAT(events().indices, ElementsAre(pixel(3, 5), pixel(9, 9), pixel(200, 100)));
}

TEST_F(tpx3, times_are_for_tpx3_alone) {
  test::write_store(directory_ / "counted.h5", test::description_of({4, 5}, {2, 3, 1}), {});
  (void)export_events(*open_event_store(directory_ / "counted.h5"), directory_ / "csr.h5", export_format::csr);
  EXPECT_THROW(import_events(directory_ / "csr.h5", directory_ / "no.h5", tpx3_options(std::nullopt, 1.0)), invalid_argument);
}

/// The same by comparing every hit with every electron so far.
std::vector<io::tpx3_electron> joined(const std::vector<io::tpx3_hit>& hits, frame_shape shape, std::uint64_t window) {
  std::vector<std::vector<io::tpx3_hit>> open;
  for (const io::tpx3_hit& hit : hits) {
    std::vector<io::tpx3_hit> merged{hit};
    std::vector<std::vector<io::tpx3_hit>> others;
    std::vector<std::vector<io::tpx3_hit>> touched;
    for (const auto& electron : open) {
      const bool touches = hit.time - electron[0].time <= window && std::ranges::any_of(electron, [&](const io::tpx3_hit& one) {
                             return std::abs(one.row - hit.row) <= 1 && std::abs(one.column - hit.column) <= 1;
                           });
      (touches ? touched : others).push_back(electron);
    }
    for (const auto& electron : touched) merged.insert(merged.end(), electron.begin(), electron.end());
    std::ranges::stable_sort(merged, {}, &io::tpx3_hit::time);
    others.push_back(merged);
    open = others;
  }
  std::vector<io::tpx3_electron> electrons;
  for (const auto& electron : open) {
    std::uint64_t charge = 0;
    std::uint64_t rows = 0;
    std::uint64_t columns = 0;
    for (const io::tpx3_hit& hit : electron) {
      charge += hit.charge;
      rows += std::uint64_t{hit.charge} * hit.row;
      columns += std::uint64_t{hit.charge} * hit.column;
    }
    const std::uint64_t row = (2 * rows + charge) / (2 * charge);
    const std::uint64_t column = (2 * columns + charge) / (2 * charge);
    electrons.push_back({electron[0].time, static_cast<std::uint32_t>(row * shape.width + column)});
  }
  return electrons;
}

TEST(tpx3_electrons, are_those_of_comparing_all_hits) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const frame_shape shape{6, 7};
    const std::uint64_t window = random() % 40;
    std::vector<io::tpx3_hit> hits;
    std::uint64_t time = 1'000;
    for (std::uint64_t i = random() % 80; i-- > 0;) {
      time += random() % 12;
      hits.push_back({time, static_cast<std::uint16_t>(random() % shape.height),
                      static_cast<std::uint16_t>(random() % shape.width), static_cast<std::uint16_t>(1 + random() % 9)});
    }
    std::vector<io::tpx3_electron> found;
    io::tpx3_clusters clusters(shape, window);
    for (std::size_t at = 0; at < hits.size();) {
      const std::size_t count = std::min<std::size_t>(1 + random() % 30, hits.size() - at);
      clusters.add(std::span(hits).subspan(at, count), found);
      at += count;
    }
    clusters.finish(found);
    const auto sorted = [](const std::vector<io::tpx3_electron>& electrons) {
      std::vector<std::pair<std::uint64_t, std::uint32_t>> all;
      for (const auto& electron : electrons) all.emplace_back(electron.time, electron.index);
      std::ranges::sort(all);
      return all;
    };
    EXPECT_TRUE(std::ranges::is_sorted(found, {}, &io::tpx3_electron::time));
    EXPECT_EQ(sorted(found), sorted(joined(hits, shape, window)));
  }
}

}  // namespace
}  // namespace countem
