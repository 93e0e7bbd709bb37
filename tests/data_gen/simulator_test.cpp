#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <countem/error.hpp>
#include <countem/simulate.hpp>

namespace {

using namespace countem;

simulation_options small() {
  simulation_options options;
  options.scan = {8, 6, 1};
  options.frame = {96, 128};
  options.occupancy = 0.01;
  options.hot_pixels = 5;
  return options;
}

std::vector<std::uint16_t> frame_of(const simulator& from, std::uint64_t number, simulated_truth& truth) {
  std::vector<std::uint16_t> pixels(from.options().frame.pixels());
  from.frame(number, pixels.data(), truth);
  return pixels;
}

TEST(simulator, frame_depends_on_options_and_number_alone) {
  const simulator one(small());
  const simulator other(small());
  simulated_truth in_order, alone;
  for (std::uint64_t number = 0; number < 4; ++number) (void)frame_of(one, number, in_order);
  simulated_truth again;
  EXPECT_EQ(frame_of(one, 4, in_order), frame_of(other, 4, alone));
  ASSERT_EQ(alone.indptr.size(), 2U);
  const auto tail = in_order.rows.end() - static_cast<std::ptrdiff_t>(alone.rows.size());
  EXPECT_TRUE(std::equal(tail, in_order.rows.end(), alone.rows.begin()));
  simulation_options reseeded = small();
  reseeded.seed = 2;
  EXPECT_NE(frame_of(simulator(reseeded), 4, again), frame_of(one, 4, again));
}

TEST(simulator, electrons_follow_the_occupancy_and_lie_in_the_frame) {
  const simulator from(small());
  simulated_truth truth;
  const std::uint64_t frames = small().scan.frames();
  for (std::uint64_t number = 0; number < frames; ++number) (void)frame_of(from, number, truth);
  ASSERT_EQ(truth.indptr.size(), frames + 1);
  ASSERT_EQ(truth.indptr.back(), truth.rows.size());
  ASSERT_EQ(truth.columns.size(), truth.rows.size());
  ASSERT_EQ(truth.charges_adu.size(), truth.rows.size());
  const double expected = 0.01 * 96 * 128 * static_cast<double>(frames);
  EXPECT_NEAR(static_cast<double>(truth.rows.size()), expected, 5 * std::sqrt(expected));
  for (std::size_t i = 0; i < truth.rows.size(); ++i) {
    ASSERT_GE(truth.rows[i], -0.5F);
    ASSERT_LE(truth.rows[i], 95.5F);
    ASSERT_GE(truth.columns[i], -0.5F);
    ASSERT_LE(truth.columns[i], 127.5F);
  }
}

// Without noise a frame is its baseline and the charge that the truth holds, up to each pixel's rounding.
TEST(simulator, frame_holds_the_charge_that_the_truth_tells_of) {
  simulation_options options = small();
  options.noise_adu = 0;
  options.xrays_per_frame = 0;
  const simulator from(options);
  simulated_truth truth;
  const std::vector<std::uint16_t> pixels = frame_of(from, 0, truth);
  const double charge = std::accumulate(truth.charges_adu.begin(), truth.charges_adu.end(), 0.0);
  ASSERT_GT(charge, 1000);
  double seen = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) seen += pixels[i] - from.baseline_adu()[i];
  EXPECT_NEAR(seen, charge, 5 * std::sqrt(static_cast<double>(pixels.size()) / 12));
}

TEST(simulator, darks_have_the_baseline_and_the_noise) {
  const simulator from(small());
  const std::size_t count = small().frame.pixels();
  std::vector<std::uint16_t> pixels(count);
  double squares = 0;
  constexpr int frames = 50;
  std::vector<double> sums(count);
  for (int number = 0; number < frames; ++number) {
    from.dark(static_cast<std::uint64_t>(number), pixels.data());
    for (std::size_t i = 0; i < count; ++i) {
      const double off = pixels[i] - static_cast<double>(from.baseline_adu()[i]);
      squares += off * off;
      sums[i] += off;
    }
  }
  const double all = static_cast<double>(count) * frames;
  EXPECT_NEAR(squares / all, 4 + 1.0 / 12, 5 * 4 * std::sqrt(2 / all));  // readout noise and the converter's rounding
  for (const double sum : sums) ASSERT_NEAR(sum / frames, 0, 6 * 2.1 / std::sqrt(frames));
  EXPECT_EQ(from.hot_pixels().size(), 5U);
  for (const std::uint32_t pixel : from.hot_pixels()) EXPECT_GT(from.baseline_adu()[pixel], 50);
}

TEST(simulator, converter_clips_at_zero) {
  simulation_options options = small();
  options.baseline_adu = 0;
  options.occupancy = 0;
  options.hot_pixels = 0;
  options.xrays_per_frame = 0;
  const simulator from(options);
  std::vector<std::uint16_t> pixels(options.frame.pixels());
  from.dark(0, pixels.data());
  EXPECT_LT(*std::max_element(pixels.begin(), pixels.end()), 20);  // nothing wrapped to the top
  EXPECT_GT(std::count(pixels.begin(), pixels.end(), 0), static_cast<std::ptrdiff_t>(pixels.size() / 3));
}

TEST(simulator, smallest_frames_and_scans_work) {
  for (const frame_shape shape : {frame_shape{1, 1}, frame_shape{1, 7}, frame_shape{5, 1}}) {
    simulation_options options;
    options.scan = {1, 1, 3};
    options.frame = shape;
    options.occupancy = 0.5;
    options.hot_pixels = 0;
    const simulator from(options);
    simulated_truth truth;
    for (std::uint64_t number = 0; number < 3; ++number) (void)frame_of(from, number, truth);
    EXPECT_EQ(truth.indptr.size(), 4U);
    EXPECT_THROW((void)frame_of(from, 3, truth), invalid_argument);
  }
}

TEST(simulator, refuses_what_makes_no_sense) {
  const auto with = [](auto change) {
    simulation_options options = small();
    change(options);
    return options;
  };
  using o = simulation_options;
  EXPECT_THROW(simulator{with([](o& x) { x.frame = {0, 5}; })}, invalid_argument);
  EXPECT_THROW(simulator{with([](o& x) { x.scan = {0, 5, 1}; })}, invalid_argument);
  EXPECT_THROW(simulator{with([](o& x) { x.occupancy = 0.6; })}, invalid_argument);
  EXPECT_THROW(simulator{with([](o& x) { x.occupancy = std::numeric_limits<double>::quiet_NaN(); })}, invalid_argument);
  EXPECT_THROW(simulator{with([](o& x) { x.kilovolts = 40; })}, invalid_argument);
  EXPECT_THROW(simulator{with([](o& x) { x.noise_adu = -1; })}, invalid_argument);
  EXPECT_THROW(simulator{with([](o& x) { x.hot_pixels = 1e9; })}, invalid_argument);
}

TEST(simulated_source, gives_the_simulators_frames) {
  const auto source = simulated_source(small());
  const simulator from(small());
  EXPECT_EQ(source->info().shape, small().frame);
  EXPECT_EQ(source->info().scan, small().scan);
  frame_batch batch;
  source->read(5, 3, batch);
  ASSERT_EQ(batch.frames.size(), 3U);
  EXPECT_EQ(batch.first_frame, 5U);
  simulated_truth truth;
  for (std::uint64_t each = 0; each < 3; ++each) {
    const std::vector<std::uint16_t> expected = frame_of(from, 5 + each, truth);
    const auto* pixels = reinterpret_cast<const std::uint16_t*>(batch.frames[each].bands[0]);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), pixels));
  }
  EXPECT_THROW(source->read(47, 2, batch), invalid_argument);
  const auto darks = simulated_darks(small(), 4);
  EXPECT_EQ(darks->info().scan.frames(), 4U);
  darks->read(0, 4, batch);
  EXPECT_EQ(batch.frames.size(), 4U);
}

}  // namespace
