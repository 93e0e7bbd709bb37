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

void tell(const comparison& sum) {
  ::testing::Test::RecordProperty("recall", std::to_string(sum.recall()));
  printf("recall %.4f limit %.4f precision %.4f ratio %.4f rms %.3f %.3f radial %.3f mean %.3f %.3f\n", sum.recall(),
         sum.recall_limit(), sum.precision(), sum.count_ratio(), sum.rms_row(), sum.rms_column(), sum.rms_radial(),
         sum.mean_row(), sum.mean_column());
}

TEST(simulated_scan, sparse) {
  tell(count_and_compare(scan_of(0.0002, 300)).sum);
  tell(count_and_compare(scan_of(0.001, 300)).sum);
}
TEST(simulated_scan, one_percent) {
  tell(count_and_compare(scan_of(0.01, 300)).sum);
}
TEST(simulated_scan, hundred_kilovolts) {
  tell(count_and_compare(scan_of(0.0002, 100)).sum);
}

}  // namespace
