#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include <countem/compare.hpp>
#include <countem/error.hpp>

namespace {

using namespace countem;

constexpr frame_shape ten_by_twenty{10, 20};

/// One frame a list.
event_batch counted(const std::vector<std::vector<std::uint32_t>>& frames) {
  event_batch batch;
  for (const auto& indices : frames) {
    batch.indices.insert(batch.indices.end(), indices.begin(), indices.end());
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(all_sectors);
  }
  return batch;
}

struct electron {
  float row, column, charge;
};

simulated_truth truth_of(const std::vector<std::vector<electron>>& frames) {
  simulated_truth truth;
  for (const auto& electrons : frames) {
    for (const electron& each : electrons) {
      truth.rows.push_back(each.row);
      truth.columns.push_back(each.column);
      truth.charges_adu.push_back(each.charge);
    }
    truth.indptr.push_back(truth.rows.size());
  }
  return truth;
}

comparison compared(const event_batch& events, const simulated_truth& truth, double radius = 1.5, double detectable = 0) {
  comparison sum;
  compare(events, ten_by_twenty, 1, truth, {radius, detectable}, sum);
  return sum;
}

TEST(compare, pairs_an_event_with_the_electron_beside_it) {
  const comparison sum = compared(counted({{2 * 20 + 5, 7 * 20 + 19}}), truth_of({{{2.25F, 4.5F, 30}, {0, 0, 30}}}));
  EXPECT_EQ(sum.frames, 1U);
  EXPECT_EQ(sum.electrons, 2U);
  EXPECT_EQ(sum.events, 2U);
  EXPECT_EQ(sum.matched, 1U);
  EXPECT_DOUBLE_EQ(sum.recall(), 0.5);
  EXPECT_DOUBLE_EQ(sum.precision(), 0.5);
  EXPECT_DOUBLE_EQ(sum.count_ratio(), 1);
  EXPECT_DOUBLE_EQ(sum.mean_row(), -0.25);
  EXPECT_DOUBLE_EQ(sum.mean_column(), 0.5);
  EXPECT_DOUBLE_EQ(sum.rms_radial(), std::sqrt(0.25 * 0.25 + 0.5 * 0.5));
}

TEST(compare, nearest_pair_goes_first) {
  // The event at column 6 is nearer to the electron at 6.4; the one at 5 is left with that at 5.9.
  const comparison sum = compared(counted({{5, 6}}), truth_of({{{0, 5.9F, 1}, {0, 6.05F, 1}}}));
  EXPECT_EQ(sum.matched, 2U);
  EXPECT_NEAR(sum.column_sum, (6 - 6.05) + (5 - 5.9), 1e-6);
}

TEST(compare, an_event_stands_for_one_electron_and_a_repeated_index_for_two) {
  const std::vector<electron> pair{{3, 3, 1}, {3.2F, 3.1F, 1}};
  EXPECT_EQ(compared(counted({{3 * 20 + 3}}), truth_of({pair})).matched, 1U);
  EXPECT_EQ(compared(counted({{3 * 20 + 3, 3 * 20 + 3}}), truth_of({pair})).matched, 2U);
  const comparison doubled = compared(counted({{3 * 20 + 3, 3 * 20 + 3}}), truth_of({{pair[0]}}));
  EXPECT_EQ(doubled.matched, 1U);
  EXPECT_DOUBLE_EQ(doubled.precision(), 0.5);
}

TEST(compare, the_radius_is_inclusive_and_rows_do_not_wrap) {
  EXPECT_EQ(compared(counted({{1 * 20 + 4}}), truth_of({{{1, 5.5F, 1}}})).matched, 1U);
  EXPECT_EQ(compared(counted({{1 * 20 + 4}}), truth_of({{{1, 5.75F, 1}}})).matched, 0U);
  EXPECT_EQ(compared(counted({{1 * 20 + 19}}), truth_of({{{2, 0, 1}}})).matched, 0U);
  EXPECT_EQ(compared(counted({{9 * 20 + 19}}), truth_of({{{9.5F, 19.5F, 1}}})).matched, 1U);
  EXPECT_EQ(compared(counted({{0}}), truth_of({{{-0.5F, -0.5F, 1}}})).matched, 1U);
}

TEST(compare, frames_do_not_mix_and_missing_ones_are_left_out) {
  event_batch events = counted({{0}, {}, {5}});
  events.first_frame = 40;
  const simulated_truth truth = truth_of({{{0, 0, 1}}, {{0, 5, 1}}, {{3, 3, 1}, {0, 5, 1}}});
  comparison sum = compared(events, truth);
  EXPECT_EQ(sum.matched, 2U);
  EXPECT_EQ(sum.worst_recall.frame, 41U);
  EXPECT_EQ(sum.worst_recall.value, 0);
  EXPECT_EQ(sum.fewest_events.frame, 41U);
  EXPECT_EQ(sum.most_events.frame, 40U);
  EXPECT_EQ(sum.worst_precision.value, 1);
  events.status[1] = 0;
  sum = compared(events, truth);
  EXPECT_EQ(sum.missing_frames, 1U);
  EXPECT_EQ(sum.frames, 2U);
  EXPECT_EQ(sum.electrons, 3U);
  EXPECT_EQ(sum.worst_recall.frame, 42U);
}

TEST(compare, electrons_without_charge_lower_the_best_recall_there_can_be) {
  const comparison sum = compared(counted({{0}}), truth_of({{{0, 0, 30}, {5, 5, 0}, {7, 7, 9}, {8, 8, 9.5F}}}), 1.5, 9);
  EXPECT_EQ(sum.undetectable, 2U);
  EXPECT_DOUBLE_EQ(sum.recall_limit(), 0.5);
  EXPECT_DOUBLE_EQ(sum.recall(), 0.25);
}

TEST(compare, events_on_a_finer_grid_lie_at_the_centres_of_their_cells) {
  // Grid cell 5 of 2 a pixel is the second half of pixel 2: centre 2.25.
  comparison sum;
  compare(counted({{5}}), {20, 40}, 2, truth_of({{{-0.25F, 2.25F, 1}}}), {}, sum);
  EXPECT_EQ(sum.matched, 1U);
  EXPECT_NEAR(sum.rms_radial(), 0, 1e-6);
}

TEST(compare, a_count_equals_itself) {
  std::vector<std::uint32_t> everywhere(200);
  std::iota(everywhere.begin(), everywhere.end(), 0U);
  everywhere.insert(everywhere.begin() + 100, 99);
  const event_batch events = counted({everywhere, {}, {7, 7, 7}});
  const comparison sum = compared(events, as_truth(events, ten_by_twenty, 1));
  EXPECT_EQ(sum.matched, 204U);
  EXPECT_EQ(sum.recall(), 1);
  EXPECT_EQ(sum.precision(), 1);
  EXPECT_EQ(sum.rms_radial(), 0);
  EXPECT_EQ(sum.undetectable, 0U);
}

TEST(compare, figures_of_nothing_are_not_numbers) {
  const comparison sum = compared(counted({{}}), truth_of({{}}));
  EXPECT_TRUE(std::isnan(sum.recall()));
  EXPECT_TRUE(std::isnan(sum.precision()));
  EXPECT_TRUE(std::isnan(sum.rms_radial()));
}

TEST(compare, refuses_what_does_not_fit) {
  EXPECT_THROW((void)compared(counted({{}, {}}), truth_of({{}})), invalid_argument);
  EXPECT_THROW((void)compared(counted({{}}), truth_of({{}}), 0), invalid_argument);
  EXPECT_THROW((void)compared(counted({{}}), truth_of({{}}), std::nan("")), invalid_argument);
  simulated_truth torn = truth_of({{{1, 1, 1}}});
  torn.columns.clear();
  EXPECT_THROW((void)compared(counted({{}}), torn), invalid_argument);
}

}  // namespace
