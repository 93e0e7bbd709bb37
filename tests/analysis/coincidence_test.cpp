#include <countem/coincidence.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include <countem/error.hpp>

#include "host/analysis/false_events.hpp"
#include "host/analysis/near_events.hpp"
#include "tests/analysis/memory_store.hpp"
#include "tests/reductions/batch_of.hpp"

namespace {

using namespace countem;
using namespace countem::analysis;

TEST(neighbours, are_those_of_every_pair) {
  std::mt19937_64 random(4);
  for (const std::uint32_t upsample : {1U, 2U}) {
    const neighbourhood around(1.0 / upsample);
    if (upsample == 1) {
      EXPECT_EQ(around.near_area, 69U);  // pixels within 4.5
      EXPECT_EQ(around.near_area + around.ring_area, 225U);
    }
    for (const frame_shape shape : {frame_shape{30, 41}, frame_shape{1, 50}, frame_shape{60, 2}}) {
      std::vector<std::uint32_t> frame;
      for (int i = 0; i < 70; ++i) frame.push_back(static_cast<std::uint32_t>(random() % shape.pixels()));
      frame.push_back(frame.back());
      std::sort(frame.begin(), frame.end());
      neighbour_counter counter(shape, around);
      const auto found = counter.count(frame);
      for (std::size_t one = 0; one < frame.size(); ++one) {
        neighbours wanted;
        for (std::size_t two = 0; two < frame.size(); ++two) {
          if (one == two) continue;
          const double rows = static_cast<double>(frame[one] / shape.width) - static_cast<double>(frame[two] / shape.width);
          const double columns = static_cast<double>(frame[one] % shape.width) - static_cast<double>(frame[two] % shape.width);
          const double distance = std::hypot(rows, columns);
          if (distance <= 4.5 * upsample) ++wanted.near;
          if (distance > 4.5 * upsample && distance <= 8.5 * upsample) ++wanted.ring;
        }
        EXPECT_EQ(found[one].near, wanted.near);
        EXPECT_EQ(found[one].ring, wanted.ring);
      }
    }
  }
}

/// Electrons of a bright disk in a dim surrounding; those within `merged` pixels of an earlier one of their frame are lost.
struct simulated {
  memory_store store;
  double disk = 0;   ///< electrons in it
  double other = 0;  ///< and outside
};

constexpr frame_shape shape{64, 64};
constexpr double disk_radius = 20;

bool in_disk(std::uint32_t index) {
  return std::hypot(index / shape.width - 31.5, index % shape.width - 31.5) < disk_radius;
}

/// `rate`: electrons per pixel and frame of the disk. `split`: share that makes a second event three pixels away.
simulated counted(double rate, double merged, std::size_t frames, double split = 0, unsigned seed = 5) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<std::vector<std::uint32_t>> events(frames);
  double disk = 0;
  double other = 0;
  for (auto& frame : events) {
    const double brightness = 0.7 + 0.6 * unit(random);  // the beam's current varies
    std::vector<std::uint32_t> kept;
    for (int i = std::poisson_distribution<int>(rate * brightness * static_cast<double>(shape.pixels()))(random); i > 0; --i) {
      const auto index = static_cast<std::uint32_t>(unit(random) * static_cast<double>(shape.pixels()));
      if (!in_disk(index) && unit(random) > 0.1) continue;
      ++(in_disk(index) ? disk : other);
      const bool is_lost = std::ranges::any_of(kept, [&](std::uint32_t earlier) {
        return std::hypot(static_cast<double>(earlier / shape.width) - index / shape.width,
                          static_cast<double>(earlier % shape.width) - index % shape.width) <= merged;
      });
      if (is_lost) continue;
      kept.push_back(index);
      if (unit(random) < split && index % shape.width < shape.width - 3) kept.push_back(index + 3);
    }
    frame = kept;
    std::sort(frame.begin(), frame.end());
  }
  const auto side = static_cast<std::uint32_t>(std::sqrt(frames));
  return {{shape, {side, static_cast<std::uint32_t>(frames) / side, 1}, batch_of(events)}, disk, other};
}

detector_masks disk_and_rest() {
  const std::vector<virtual_detector> detectors{parse_detector("disk:20"), parse_detector("annulus:20,90")};
  return make_masks(detectors, shape, middle_of(shape));
}

double total(const std::vector<double>& counts) {
  double sum = 0;
  for (const double count : counts) sum += count;
  return sum;
}

coincidence_result corrected(const simulated& made) {
  return correct_coincidences(made.store, disk_and_rest(), whole(made.store.description().scan), {});
}

TEST(coincidence, dead_area_is_that_of_the_lost_pairs) {
  // 1.5 pixels: a square of 9; 2: 13 pixels.
  for (const auto& [merged, area] : {std::pair{1.5, 9.0}, std::pair{2.0, 13.0}}) {
    const coincidence_result result = corrected(counted(0.02, merged, 1600));
    EXPECT_TRUE(result.area.is_found);
    EXPECT_NEAR(result.area.area, area, 3.5 * result.area.error + 0.2);
    EXPECT_LT(result.area.error, 1);
    EXPECT_NEAR(result.area.split, 0, 3.5 * result.area.split_error);
    EXPECT_GT(result.area.local_rate, 0.01);
    EXPECT_LT(result.area.local_rate, 0.02);
  }
}

TEST(coincidence, corrected_counts_are_the_electrons) {
  for (const double rate : {0.003, 0.01, 0.014}) {
    const simulated made = counted(rate, 2, 1600);
    const coincidence_result result = corrected(made);
    ASSERT_EQ(result.detectors.size(), 3U);
    const double noise = 3 / std::sqrt(made.disk);
    EXPECT_NEAR(total(result.detectors[0].counts) / made.disk, 1, 0.006 + noise) << rate;
    EXPECT_NEAR(total(result.detectors[1].counts) / made.other, 1, 0.006 + 3 / std::sqrt(made.other)) << rate;
    EXPECT_NEAR(result.detectors[0].loss, 1 - std::exp(-13 * rate / 2), 0.02) << rate;
    EXPECT_NEAR(total(result.detectors[2].counts), total(result.detectors[0].counts) + total(result.detectors[1].counts),
                1e-6 * made.disk);
    EXPECT_LT(result.detectors[0].beyond, 16U);
  }
}

TEST(coincidence, electrons_that_make_two_events_are_no_coincidences) {
  const coincidence_result result = corrected(counted(0.015, 2, 3600, 0.05));
  EXPECT_NEAR(result.area.split, 0.05, 0.005 + 3.5 * result.area.split_error);
  EXPECT_NEAR(result.area.area, 13, 3.5 * result.area.error + 0.7);
}

TEST(coincidence, losses_that_are_too_large_are_counted) {
  const simulated made = counted(0.1, 2, 100);
  const coincidence_result result = corrected(made);
  EXPECT_EQ(result.detectors[0].beyond, 100U);  // half of the disk's electrons are lost
  EXPECT_LT(result.detectors[1].beyond, 10U);
  EXPECT_GT(result.detectors[0].loss, most_correctable_loss);
  EXPECT_LT(total(result.detectors[0].counts), 0.97 * made.disk);
  EXPECT_GT(total(result.detectors[0].counts), 0.6 * made.disk);
}

TEST(coincidence, few_pairs_are_no_area) {
  const coincidence_result result = corrected(counted(0.0002, 2, 400));
  EXPECT_FALSE(result.area.is_found);
  EXPECT_TRUE(result.detectors.empty());
  EXPECT_FALSE(correct_coincidences(memory_store(shape, {1, 1, 1}, batch_of({{}})), {}, {0, 0, 1, 1}, {}).area.is_found);
}

TEST(coincidence, positions_without_a_frame_are_no_zeros) {
  const simulated made = counted(0.02, 2, 400);
  event_batch batch;
  made.store.read(0, 400, batch, 1);
  batch.indices.erase(batch.indices.begin() + static_cast<std::ptrdiff_t>(batch.indptr[399]), batch.indices.end());
  batch.indptr[400] = batch.indptr[399];
  batch.status[399] = 0;
  const scan_shape scan{20, 20, 1};
  const coincidence_result result = correct_coincidences(memory_store(shape, scan, batch), disk_and_rest(), whole(scan), {});
  ASSERT_TRUE(result.area.is_found);
  for (const corrected_counts& one : result.detectors) {
    EXPECT_TRUE(std::isnan(one.counts[399]));
    EXPECT_GT(one.counts[398], 0);
  }
}

/// Noise of one standard deviation beyond t, `samples` in all, on the steps of a curve.
threshold_curve gaussian_tail(double samples, double sigma, std::mt19937_64* random) {
  threshold_curve curve{0, 0.0625, {}, {}};
  const auto beyond = [&](double t) { return samples * std::erfc(t / sigma / std::sqrt(2)) / 2; };
  std::vector<std::uint64_t> bins;
  for (double t = 0; t < 6 * sigma; t += curve.step_adu) {
    const double mean = beyond(t) - beyond(t + curve.step_adu);
    bins.push_back(random == nullptr ? static_cast<std::uint64_t>(std::lround(mean))
                                     : static_cast<std::uint64_t>(std::poisson_distribution<int>(mean)(*random)));
  }
  curve.noise.resize(bins.size());
  std::uint64_t sum = 0;
  for (std::size_t i = bins.size(); i-- > 0;) curve.noise[i] = sum += bins[i];
  return curve;
}

TEST(false_events, the_tail_of_noise_is_continued) {
  std::mt19937_64 random(11);
  const double wanted = 640000 * std::erfc(4 / std::sqrt(2)) / 2;  // 20 beyond 8 ADU
  double sum = 0;
  double squares = 0;
  double error = 0;
  double chosen = 0;
  constexpr int repeats = 60;
  for (int i = 0; i < repeats; ++i) {
    const threshold_curve curve = gaussian_tail(640000, 2, &random);
    const expected_number found = noise_beyond(curve, 8);
    sum += found.mean / repeats;
    squares += std::pow(found.mean - wanted, 2) / repeats;
    error += found.error / repeats;
    chosen += std::pow(static_cast<double>(curve.noise[128]) - wanted, 2) / repeats;
  }
  EXPECT_NEAR(sum, wanted, 0.05 * wanted);
  EXPECT_NEAR(std::sqrt(squares), error, 0.3 * error) << "the standard error is the scatter";
  EXPECT_LT(squares, chosen) << "closer than the number beyond the threshold";
}

TEST(false_events, few_bins_are_counted) {
  threshold_curve curve{4, 0.5, {}, {9, 6, 3, 1, 0}};
  EXPECT_EQ(noise_beyond(curve, 5).mean, 3);
  EXPECT_EQ(noise_beyond(curve, 5).error, std::sqrt(3));
  EXPECT_EQ(noise_beyond(curve, 100).mean, 0);
}

TEST(coincidence, expected_false_events_are_subtracted) {
  const simulated electrons = counted(0.02, 2, 1600);
  event_batch batch;
  electrons.store.read(0, 1600, batch, 1);
  batch.status[0] = all_sectors & ~1U;  // it lacks rows 0 to 15
  const scan_shape scan{40, 40, 1};
  const auto made = [&](bool with_fit) {
    memory_store store(shape, scan, batch);
    store.described().geometry = counted_geometry(shape, 1, sector_split::rows);
    calibration& used = store.described().calibrated;
    used.shape = shape;
    used.mask.assign(shape.pixels(), 0);
    used.mask[60 * 64 + 61] = mask_hot;
    if (with_fit) used.fit.emplace().expected = false_hits{409.5, 0.5};  // .1 on each of the other pixels
    const std::vector<virtual_detector> detectors{parse_detector("disk:1@0,0"), parse_detector("annulus:0,2@60,60")};
    return correct_coincidences(store, make_masks(detectors, shape, {0, 0}), whole(scan), {});
  };
  const coincidence_result plain = made(false);
  const coincidence_result less = made(true);
  ASSERT_TRUE(plain.area.is_found);
  EXPECT_FALSE(plain.false_events_known);
  EXPECT_TRUE(less.false_events_known);
  EXPECT_EQ(less.detectors[2].loss, plain.detectors[2].loss);
  // One pixel of the first detector, which frame 0 lacks; nine, of which one is masked, of the second.
  EXPECT_NEAR(plain.detectors[0].counts[0] - less.detectors[0].counts[0], 0, 1e-9);
  EXPECT_NEAR(plain.detectors[0].counts[7] - less.detectors[0].counts[7], 0.1, 1e-9);
  EXPECT_NEAR(plain.detectors[1].counts[7] - less.detectors[1].counts[7], 0.8, 1e-9);
  EXPECT_NEAR(less.detectors[1].false_events, 1600 * 0.8, 1e-6);
  EXPECT_NEAR(less.detectors[2].false_events, 1600 * 409.5 - 16 * 64 * 0.1, 1e-4);
}

TEST(coincidence, refuses_detectors_of_another_shape) {
  const memory_store store(shape, {1, 1, 1}, batch_of({{}}));
  const std::vector<virtual_detector> disk{parse_detector("disk:5")};
  const frame_shape other{32, 32};
  EXPECT_THROW(static_cast<void>(correct_coincidences(store, make_masks(disk, other, middle_of(other)), {0, 0, 1, 1}, {})),
               invalid_argument);
}

}  // namespace
