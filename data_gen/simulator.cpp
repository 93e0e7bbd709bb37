#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include "data_gen/charge_cloud.hpp"
#include "data_gen/detector.hpp"
#include "data_gen/random.hpp"
#include "data_gen/specimen.hpp"

namespace countem {

namespace {

void require(bool fine, const std::string& sentence) {
  if (!fine) throw invalid_argument("simulation: " + sentence);
}

/// `options` itself, so that it can be checked before anything is built from it.
const simulation_options& checked(const simulation_options& options) {
  const auto in_range = [](double value, double low, double high) { return value >= low && value <= high; };
  const auto text = [](double value) { return std::to_string(value); };
  require(options.frame.pixels() > 0 && options.frame.pixels() <= max_pixels,
          "a frame needs at least one pixel and fewer than 2^32; give another shape");
  require(options.scan.frames() > 0 && options.scan.positions() <= max_pixels,
          "a scan needs at least one frame and fewer than 2^32 positions; give another scan size");
  require(in_range(options.occupancy, 0, 0.5),
          "occupancy " + text(options.occupancy) + " is not in [0, 0.5] electrons a pixel and frame");
  require(in_range(options.kilovolts, 60, 300), "beam voltage " + text(options.kilovolts) + " kV is not in [60, 300]");
  require(in_range(options.baseline_adu, 0, 1000), "baseline " + text(options.baseline_adu) + " ADU is not in [0, 1000]");
  require(in_range(options.noise_adu, 0, 1000), "noise " + text(options.noise_adu) + " ADU is not in [0, 1000]");
  require(in_range(options.xrays_per_frame, 0, 1000),
          "X-rays a frame " + text(options.xrays_per_frame) + " is not in [0, 1000]");
  require(in_range(options.hot_pixels, 0, static_cast<double>(options.frame.pixels())),
          "hot pixels " + text(options.hot_pixels) + " is not between 0 and the number of pixels");
  return options;
}

}  // namespace

class simulator::state {
 public:
  explicit state(const simulation_options& wanted)
      : options(checked(wanted)),
        sensor(options),
        sample(options.seed, options.scan, options.frame),
        cloud(data_gen::cloud_parameters_at(options.kilovolts), options.kilovolts),
        electrons(options.occupancy * static_cast<double>(options.frame.pixels())),
        xrays(options.xrays_per_frame) {}

  simulation_options options;
  data_gen::detector sensor;
  data_gen::specimen sample;
  data_gen::charge_cloud cloud;
  data_gen::poisson_table electrons;  ///< a frame
  data_gen::poisson_table xrays;      ///< a frame
};

simulator::simulator(const simulation_options& options) : state_(std::make_unique<state>(options)) {}
simulator::~simulator() = default;
simulator::simulator(simulator&&) noexcept = default;
simulator& simulator::operator=(simulator&&) noexcept = default;

const simulation_options& simulator::options() const {
  return state_->options;
}
const std::vector<float>& simulator::baseline_adu() const {
  return state_->sensor.baseline_adu();
}
const std::vector<std::uint32_t>& simulator::hot_pixels() const {
  return state_->sensor.hot_pixels();
}

std::uint32_t simulator::electrons(std::uint64_t number) const {
  data_gen::random_stream random(state_->options.seed, number, data_gen::purpose::electrons);
  return state_->electrons.draw(random);  // the first number that frame() draws, too
}

void simulator::frame(std::uint64_t number, std::uint16_t* pixels, simulated_truth& truth) const {
  using namespace data_gen;
  const simulation_options& set = state_->options;
  if (number >= set.scan.frames()) {
    throw invalid_argument("simulation: frame " + std::to_string(number) + " asked for, the scan has " +
                           std::to_string(set.scan.frames()));
  }
  std::fill_n(pixels, set.frame.pixels(), std::uint16_t{0});
  charge_frame charge(set.frame, pixels);

  random_stream random(set.seed, number, purpose::electrons);
  const diffraction_pattern pattern = state_->sample.pattern(number / set.scan.frames_per_position);
  for (std::uint32_t left = state_->electrons.draw(random); left > 0; --left) {
    const detector_point entry = pattern.draw(random);
    const std::uint32_t pairs = state_->cloud.deposit(entry.row, entry.column, random, charge);
    truth.rows.push_back(static_cast<float>(entry.row - 0.5));
    truth.columns.push_back(static_cast<float>(entry.column - 0.5));
    truth.charges_adu.push_back(static_cast<float>(pairs) / pairs_per_adu);
  }
  truth.indptr.push_back(truth.rows.size());

  random_stream xray_random(set.seed, number, purpose::xrays);
  for (std::uint32_t left = state_->xrays.draw(xray_random); left > 0; --left) {
    const double row = xray_random.uniform() * set.frame.height;
    const double column = xray_random.uniform() * set.frame.width;
    deposit_xray(row, column, xray_random, charge);
  }

  random_stream noise(set.seed, number, purpose::noise);
  state_->sensor.read_out(pixels, noise);
}

void simulator::dark(std::uint64_t number, std::uint16_t* pixels) const {
  std::fill_n(pixels, state_->options.frame.pixels(), std::uint16_t{0});
  data_gen::random_stream noise(state_->options.seed, number, data_gen::purpose::dark_noise);
  state_->sensor.read_out(pixels, noise);
}

}  // namespace countem
