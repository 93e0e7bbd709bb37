// Counting simulated scans with the thresholds that their true dark level and noise call for: the whole chain from an
// electron's charge to its event, judged against the truth.
#include <gtest/gtest.h>

#include <cmath>

#include <countem/compare.hpp>
#include <countem/simulate.hpp>

namespace {

using namespace countem;

/// Dark level and threshold as a perfect calibration would find them.
calibration true_calibration(const simulator& from) {
  calibration made;
  made.shape = from.options().frame;
  for (const float baseline : from.baseline_adu())
    made.dark16.push_back(static_cast<std::int32_t>(std::lrint(16.0 * static_cast<double>(baseline))));
  made.mask.resize(made.shape.pixels());
  for (const std::uint32_t pixel : from.hot_pixels()) made.mask[pixel] = mask_hot;
  made.background16 = background_from_adu(4.5 * from.options().noise_adu);
  made.xray16 = xray_from_adu(1000);
  return made;
}

struct judged {
  comparison sum;
  std::uint64_t xrays = 0;
};

judged count_and_compare(const simulation_options& options) {
  const simulator from(options);
  const counting_setup setup{options.frame, pixel_type::u16, true_calibration(from), {}};
  const auto counter = reference::make_counter(setup);
  judged result;
  std::vector<std::uint16_t> pixels(options.frame.pixels());
  event_batch events;
  for (std::uint64_t frame = 0; frame < options.scan.frames(); ++frame) {
    simulated_truth truth;
    from.frame(frame, pixels.data(), truth);
    const frame_view view = contiguous_frame(options.frame, pixel_type::u16, pixels.data());
    counter->count({&view, 1}, events);
    events.first_frame = frame;
    compare(events, options.frame, 1, truth, {1.5, 4.5 * options.noise_adu}, result.sum);
    result.xrays += events.xrays[0];
  }
  return result;
}

simulation_options scan_of(double occupancy, double kilovolts) {
  simulation_options options;
  options.scan = {5, 5, 1};
  options.occupancy = occupancy;
  options.kilovolts = kilovolts;
  return options;
}

// A fifth of the measured 300 kV clouds have less than the threshold, 9 ADU, in their best pixel; noise lifts some of them over
// it. False events of the noise are 3.4e-6 a pixel at 4.5 sigma: about 1 a frame, beside 66 electrons.
TEST(simulated_scan, isolated_electrons_are_found_where_they_hit) {
  const comparison sum = count_and_compare(scan_of(0.0002, 300)).sum;
  EXPECT_GT(sum.recall_limit(), 0.99);
  EXPECT_GT(sum.recall(), 0.78);
  EXPECT_LT(sum.recall(), 0.92);
  EXPECT_GT(sum.precision(), 0.95);
  // Rounding to whole pixels alone is 1/sqrt(12) = 0.289 on each axis.
  EXPECT_LT(sum.rms_row(), 0.35);
  EXPECT_LT(sum.rms_column(), 0.35);
  EXPECT_NEAR(sum.mean_row(), 0, 0.05);
  EXPECT_NEAR(sum.mean_column(), 0, 0.05);
}

// At 1 % the bright-field disk holds about 0.05 electrons a pixel, and a cloud of three or four hits touches those within a
// pixel or two: a fifth of the found electrons merge with a neighbour. What is counted is still an electron, and where it
// should be.
TEST(simulated_scan, crowded_electrons_merge_but_few_events_are_false) {
  const comparison sum = count_and_compare(scan_of(0.01, 300)).sum;
  EXPECT_GT(sum.recall(), 0.6);
  EXPECT_LT(sum.count_ratio(), 0.85);
  EXPECT_GT(sum.precision(), 0.98);
  EXPECT_LT(sum.rms_radial(), 0.5);
}

// Slow electrons leave much more charge, over a longer track: nearly all are seen, but some break into two events or end far
// from their entry.
TEST(simulated_scan, slow_electrons_are_bright_and_wander) {
  const comparison sum = count_and_compare(scan_of(0.0002, 100)).sum;
  EXPECT_GT(sum.recall(), 0.83);
  EXPECT_GT(sum.precision(), 0.78);
  EXPECT_GT(sum.count_ratio(), 0.95);
  EXPECT_LT(sum.count_ratio(), 1.2);
  EXPECT_GT(sum.rms_radial(), 0.42);
}

TEST(simulated_scan, xrays_are_rejected_and_counted) {
  simulation_options options = scan_of(0, 300);
  options.xrays_per_frame = 2;
  const judged result = count_and_compare(options);
  const double expected = 2.0 * static_cast<double>(options.scan.frames());
  EXPECT_NEAR(static_cast<double>(result.xrays), expected, 4 * std::sqrt(expected));
  EXPECT_EQ(result.sum.electrons, 0U);
  EXPECT_LT(result.sum.events, 6U * options.scan.frames());  // noise alone: about 1 a frame
}

}  // namespace
