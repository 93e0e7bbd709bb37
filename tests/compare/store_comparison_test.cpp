// Stores compared on several threads: the same bits as frame after frame on one, whatever the batches.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include <countem/error.hpp>
#include <countem/store_comparison.hpp>

#include "tests/analysis/memory_store.hpp"

namespace {

using namespace countem;

constexpr frame_shape detector{24, 40};
constexpr scan_shape scan{50, 60, 1};

struct both {
  event_batch events;
  simulated_truth truth;
};

/// Electrons at random places and events near most of them; some frames never arrived, some are empty.
both random_scan() {
  std::mt19937 random(18);
  const auto below = [&](std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); };
  both made;
  for (std::uint64_t frame = 0; frame < scan.frames(); ++frame) {
    const std::size_t start = made.events.indices.size();
    for (std::uint32_t electrons = frame % 11 == 0 ? 0 : below(12); electrons > 0; --electrons) {
      const std::uint32_t row = below(detector.height);
      const std::uint32_t column = below(detector.width);
      made.truth.rows.push_back(static_cast<float>(row) + static_cast<float>(below(100)) / 137.0F - 0.3F);
      made.truth.columns.push_back(static_cast<float>(column) + static_cast<float>(below(100)) / 139.0F - 0.3F);
      made.truth.charges_adu.push_back(static_cast<float>(below(90)));
      if (below(10) != 0) made.events.indices.push_back(row * detector.width + column);
    }
    const bool arrived = frame % 97 != 3;
    if (!arrived) made.events.indices.resize(start);
    std::sort(made.events.indices.begin() + static_cast<std::ptrdiff_t>(start), made.events.indices.end());
    made.events.indptr.push_back(made.events.indices.size());
    made.events.status.push_back(arrived ? all_sectors : std::uint8_t{0});
    made.truth.indptr.push_back(made.truth.rows.size());
  }
  return made;
}

/// Of `count` frames from `first` on.
simulated_truth part_of(const simulated_truth& all, std::uint64_t first, std::size_t count) {
  simulated_truth part;
  const std::uint64_t begin = all.indptr[first];
  for (std::uint64_t frame = first; frame < first + count; ++frame) part.indptr.push_back(all.indptr[frame + 1] - begin);
  const auto copy = [&](const std::vector<float>& from) {
    return std::vector(from.begin() + static_cast<std::ptrdiff_t>(begin),
                       from.begin() + static_cast<std::ptrdiff_t>(all.indptr[first + count]));
  };
  part.rows = copy(all.rows);
  part.columns = copy(all.columns);
  part.charges_adu = copy(all.charges_adu);
  return part;
}

store_comparison compared(const both& made, const store_comparison_options& options, frame_shape electrons_on = detector) {
  const memory_store store(detector, scan, made.events);
  const auto read = [&](std::uint64_t first, std::size_t count) { return part_of(made.truth, first, count); };
  return compare_store(store, {electrons_on, made.truth.rows.size(), read}, options);
}

void expect_same(const comparison& one, const comparison& other) {
  EXPECT_EQ(one.frames, other.frames);
  EXPECT_EQ(one.missing_frames, other.missing_frames);
  EXPECT_EQ(one.electrons, other.electrons);
  EXPECT_EQ(one.undetectable, other.undetectable);
  EXPECT_EQ(one.events, other.events);
  EXPECT_EQ(one.matched, other.matched);
  for (double comparison::*sum :
       {&comparison::row_sum, &comparison::row_squares, &comparison::column_sum, &comparison::column_squares})
    EXPECT_EQ(one.*sum, other.*sum);
  for (comparison::extreme comparison::*frame :
       {&comparison::worst_recall, &comparison::worst_precision, &comparison::fewest_events, &comparison::most_events}) {
    EXPECT_EQ((one.*frame).frame, (other.*frame).frame);
    EXPECT_EQ((one.*frame).value, (other.*frame).value);
  }
}

void expect_same(const counting_spectrum& one, const counting_spectrum& other) {
  EXPECT_EQ(one.frames, other.frames);
  EXPECT_EQ(one.electrons_per_frame, other.electrons_per_frame);
  EXPECT_EQ(one.events_per_frame, other.events_per_frame);
  ASSERT_EQ(one.points.size(), other.points.size());
  for (std::size_t at = 0; at < one.points.size(); ++at) {
    for (double spectrum_point::*value :
         {&spectrum_point::frequency, &spectrum_point::transfer, &spectrum_point::noise, &spectrum_point::noise_power,
          &spectrum_point::efficiency, &spectrum_point::efficiency_error})
      EXPECT_EQ(one.points[at].*value, other.points[at].*value);
  }
}

TEST(store_comparison, is_that_of_all_frames_one_after_another_on_any_number_of_threads) {
  const both made = random_scan();
  comparison pairs;
  compare(made.events, detector, 1, made.truth, {1.5, 20}, pairs);
  ASSERT_GT(pairs.undetectable, 0U);
  ASSERT_GT(pairs.missing_frames, 0U);
  for (const std::uint64_t spectrum_frames : {std::uint64_t{3000}, std::uint64_t{701}, std::uint64_t{5}}) {
    detective_efficiency sums(detector, scan.frames(), spectrum_frames);
    sums.add(made.events, detector, 1, made.truth);
    for (const unsigned threads : {0U, 1U, 2U, 5U}) {
      const store_comparison found = compared(made, {{1.5, 20}, spectrum_frames, threads});
      expect_same(found.pairs, pairs);
      ASSERT_TRUE(found.spectrum);
      expect_same(*found.spectrum, sums.spectrum());
    }
  }
}

TEST(store_comparison, takes_frames_for_the_spectrum_evenly) {
  const both made = random_scan();
  // Frames 0 to 2999; of 5 that are used, the last of each fifth: 599, 1199, 1799, 2399, 2999.
  std::uint64_t electrons = 0;
  for (std::uint64_t frame = 599; frame < 3000; frame += 600)
    electrons += made.truth.indptr[frame + 1] - made.truth.indptr[frame];
  const store_comparison found = compared(made, {{}, 5, 2});
  ASSERT_TRUE(found.spectrum);
  EXPECT_EQ(found.spectrum->frames, 5U);
  EXPECT_DOUBLE_EQ(found.spectrum->electrons_per_frame, static_cast<double>(electrons) / 5);
}

TEST(store_comparison, reports_what_goes_wrong_while_frames_are_read_or_compared) {
  const both made = random_scan();
  for (const unsigned threads : {1U, 2U}) {
    EXPECT_THROW((void)compared(made, {{-1, 0}, 0, threads}), invalid_argument);
    EXPECT_THROW((void)compared(made, {{}, 0, threads}, {24, 41}), invalid_argument);
    const memory_store store(detector, scan, made.events);
    const auto read = [&](std::uint64_t first, std::size_t count) {
      if (first > 0) throw format_error("a damaged truth");
      return part_of(made.truth, first, count);
    };
    EXPECT_THROW((void)compare_store(store, {detector, 1, read}, {{}, 0, threads}), format_error);
  }
}

TEST(store_comparison, has_no_spectrum_of_a_small_detector_and_nothing_of_no_frames) {
  event_batch one;
  one.indices = {3};
  one.indptr = {0, 1};
  one.status = {all_sectors};
  const memory_store store({4, 4}, {1, 1, 1}, one);
  const auto read = [](std::uint64_t, std::size_t) { return simulated_truth{{0, 1}, {0}, {3}, {}}; };
  const store_comparison found = compare_store(store, {{4, 4}, 1, read});
  EXPECT_FALSE(found.spectrum);
  EXPECT_EQ(found.pairs.matched, 1U);
}

}  // namespace
