// Results of parts of a scan add up to the result of the whole, however it is divided.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/reduction_sums.hpp>
#include <countem/scan_reducer.hpp>

#include "tests/pipeline/thread_ranks.hpp"

namespace {

using namespace countem;

constexpr frame_shape summed_grid{13, 11};
constexpr scan_shape summed_scan{4, 5, 3};

event_batch random_frame(std::uint64_t number, std::mt19937& random) {
  event_batch batch;
  batch.first_frame = number;
  const std::size_t events = random() % 9;
  for (std::size_t e = 0; e < events; ++e) batch.indices.push_back(static_cast<std::uint32_t>(random() % summed_grid.pixels()));
  std::sort(batch.indices.begin(), batch.indices.end());
  batch.indptr = {0, batch.indices.size()};
  batch.xrays = {0};
  constexpr std::array<std::uint8_t, 6> states{all_sectors, all_sectors, all_sectors, 0x07, 0, all_sectors | status_truncated};
  batch.status = {states[random() % states.size()]};
  if (!has_arrived(batch.status[0])) batch = {number, {0, 0}, {}, {}, {0}, {0}};
  return batch;
}

/// Plans that together fill every field.
std::vector<reduction_plan> plans() {
  reduction_plan all = empty_plan();
  for (const char* item :
       {"sum", "max", "com", "second-moments", "errors", "radial:2", "radial-profile", "virtual:disk:4", "virtual:annulus:2,6"})
    add_item(all, item);
  std::vector<float> weights(summed_grid.pixels());
  for (std::size_t p = 0; p < weights.size(); ++p) weights[p] = static_cast<float>(p % 17) / 7;
  all.weights = {{"seventeenths", weights}};
  reduction_plan weighted = empty_plan();
  add_item(weighted, "com");
  add_item(weighted, "second-moments");
  add_item(weighted, "errors");
  weighted.com_within = event_aperture{parse_detector("disk:5"), weights};
  reduction_plan skipping = all;
  skipping.incomplete = incomplete_frames::skip;
  return {all, weighted, skipping, empty_plan()};
}

template <class T>
void expect_same_bits(const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) << what;
}

void expect_same(const reduction_result& a, const reduction_result& b) {
  expect_same_bits(a.sum, b.sum, "sum");
  expect_same_bits(a.maximum, b.maximum, "maximum");
  expect_same_bits(a.counts, b.counts, "counts");
  expect_same_bits(a.moments, b.moments, "moments");
  expect_same_bits(a.second_moments, b.second_moments, "second_moments");
  expect_same_bits(a.weighted, b.weighted, "weighted");
  expect_same_bits(a.weighted_squares, b.weighted_squares, "weighted_squares");
  ASSERT_EQ(a.virtual_images.size(), b.virtual_images.size());
  for (std::size_t d = 0; d < a.virtual_images.size(); ++d)
    expect_same_bits(a.virtual_images[d], b.virtual_images[d], "virtual");
  ASSERT_EQ(a.weighted_images.size(), b.weighted_images.size());
  for (std::size_t w = 0; w < a.weighted_images.size(); ++w)
    expect_same_bits(a.weighted_images[w], b.weighted_images[w], "weights");
  ASSERT_EQ(a.squared_images.size(), b.squared_images.size());
  for (std::size_t w = 0; w < a.squared_images.size(); ++w)
    expect_same_bits(a.squared_images[w], b.squared_images[w], "squares");
  expect_same_bits(a.radial, b.radial, "radial");
  expect_same_bits(a.lost, b.lost, "lost");
  EXPECT_EQ(a.rings, b.rings);
  EXPECT_EQ(a.weighted_origin, b.weighted_origin);
  EXPECT_EQ(a.frames, b.frames);
  EXPECT_EQ(a.incomplete_frames, b.incomplete_frames);
  EXPECT_EQ(a.missing_frames, b.missing_frames);
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.complete_events, b.complete_events);
}

TEST(reduction_sums, any_division_of_the_frames_gives_the_same_bits) {
  std::mt19937 random(5);
  std::vector<event_batch> frames;
  for (std::uint64_t frame = 0; frame < summed_scan.frames(); ++frame) frames.push_back(random_frame(frame, random));
  for (const reduction_plan& plan : plans()) {
    scan_reducer whole(plan, summed_grid, summed_scan, backend::cpu, 1);
    for (const event_batch& frame : frames) whole.add(frame);
    ASSERT_FALSE(whole.result().lost.empty());
    for (const unsigned parts : {2U, 3U, 7U}) {
      std::vector<unsigned> owner;
      for (std::size_t f = 0; f < frames.size(); ++f) owner.push_back(static_cast<unsigned>(random() % parts));
      reduction_result sums;
      for (unsigned part = 0; part < parts; ++part) {
        scan_reducer some(plan, summed_grid, summed_scan, backend::cpu, 1);
        for (std::size_t f = 0; f < frames.size(); ++f) {
          if (owner[f] == part) some.add(frames[f]);
        }
        if (part == 0) {
          sums = some.take();
        } else {
          add(sums, some.result(), summed_grid);
        }
      }
      expect_same(sums, whole.result());
      countem::test::thread_ranks(parts).run([&](communicator& all) {
        scan_reducer mine(plan, summed_grid, summed_scan, backend::cpu, 1);
        for (std::size_t f = 0; f < frames.size(); ++f) {
          if (owner[f] == all.self().rank) mine.add(frames[f]);
        }
        mine.add_over_ranks(all);
        if (all.self().rank == 0) expect_same(mine.result(), whole.result());
      });
    }
  }
}

TEST(reduction_sums, losses_that_one_part_alone_knows) {
  reduction_result a;
  a.counts = {1, 2};
  reduction_result b = a;
  b.lost = {{1, 0, 0, 0}, {0, 0, 0, 2}};
  reduction_result first = a;
  add(first, b, summed_grid);
  expect_same_bits(first.lost, b.lost, "lost");
  reduction_result second = b;
  add(second, a, summed_grid);
  expect_same_bits(second.lost, b.lost, "lost");
  EXPECT_EQ(second.counts, (std::vector<std::uint64_t>{2, 4}));
}

TEST(reduction_sums, of_different_plans_are_refused) {
  const std::vector<reduction_plan> all = plans();
  const scan_reducer a(all[0], summed_grid, summed_scan, backend::cpu, 1);
  const scan_reducer b(all[1], summed_grid, summed_scan, backend::cpu, 1);
  reduction_result sums = a.snapshot();
  EXPECT_THROW(add(sums, b.result(), summed_grid), invalid_argument);
}

TEST(reduction_sums, beyond_the_range_of_second_moments_are_refused) {
  reduction_result a;
  a.counts = {1};
  a.second_moments.resize(1);
  a.second_moments[0].first.events = most_second_order_events(summed_grid);
  reduction_result b = a;
  EXPECT_THROW(add(b, a, summed_grid), invalid_argument);
}

}  // namespace
