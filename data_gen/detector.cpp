#include "data_gen/detector.hpp"

#include <algorithm>
#include <cmath>

#include "data_gen/charge_cloud.hpp"

namespace countem::data_gen {

namespace {

// Fixed structure of the dark level, rms in ADU unless another unit is given.
constexpr float half_row_structure = 0.7F;  // each half-row has its own amplifier
constexpr float column_structure = 0.3F;
constexpr float pixel_structure = 0.6F;
constexpr float tilt_adu = 1.5F;     // from one edge of the frame to the other
constexpr float hot_least_adu = 40;  // on top of the baseline
constexpr float hot_most_adu = 400;

std::vector<float> structure(std::size_t count, float rms, random_stream& random) {
  std::vector<float> values(count);
  for (float& each : values) each = rms * normal_table::get().draw(random);
  return values;
}

std::uint16_t converted(float adu) {
  return static_cast<std::uint16_t>(
      std::clamp(adu + 0.5F, 0.0F, 65535.0F));  // truncation of a positive number: rounds to nearest
}

}  // namespace

detector::detector(const simulation_options& options)
    : noise_adu_(static_cast<float>(options.noise_adu)), baseline_adu_(options.frame.pixels()) {
  const std::size_t height = options.frame.height;
  const std::size_t width = options.frame.width;
  random_stream random(options.seed, 0, purpose::detector);
  const std::vector<float> left = structure(height, half_row_structure, random);
  const std::vector<float> right = structure(height, half_row_structure, random);
  const std::vector<float> columns = structure(width, column_structure, random);
  const auto level = static_cast<float>(options.baseline_adu);
  for (std::size_t y = 0; y < height; ++y) {
    const float slope = tilt_adu * ((static_cast<float>(y) + 0.5F) / static_cast<float>(height) - 0.5F);
    for (std::size_t x = 0; x < width; ++x) {
      const float row = x < width / 2 ? left[y] : right[y];
      baseline_adu_[y * width + x] = level + slope + row + columns[x] + pixel_structure * normal_table::get().draw(random);
    }
  }
  const auto wanted = static_cast<std::size_t>(std::min(options.hot_pixels, static_cast<double>(options.frame.pixels())));
  for (std::size_t each = 0; each < wanted; ++each) {
    const auto pixel = static_cast<std::uint32_t>(random.uniform() * static_cast<double>(options.frame.pixels()));
    baseline_adu_[pixel] += hot_least_adu + (hot_most_adu - hot_least_adu) * random.positive_uniform();
    hot_pixels_.push_back(pixel);
  }
  std::sort(hot_pixels_.begin(), hot_pixels_.end());
  hot_pixels_.erase(std::unique(hot_pixels_.begin(), hot_pixels_.end()), hot_pixels_.end());
}

void detector::read_out(std::uint16_t* pixels, random_stream& noise) const {
  const normal_table& normal = normal_table::get();
  constexpr float adu_per_pair = 1 / pairs_per_adu;
  const std::size_t count = baseline_adu_.size();
  std::uint32_t bits = 0;
  for (std::size_t pixel = 0; pixel < count; ++pixel) {
    bits = pixel % 2 == 0 ? noise.next() : bits >> 16;
    const float adu = baseline_adu_[pixel] + noise_adu_ * normal.draw(static_cast<std::uint16_t>(bits), noise);
    pixels[pixel] = converted(adu + adu_per_pair * static_cast<float>(pixels[pixel]));
  }
}

}  // namespace countem::data_gen
