#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <countem/calibrate.hpp>

#include "tests/calibration/memory_source.hpp"

namespace countem::test {

/// Frames of Gaussian noise, 2 ADU around 20 ADU, some of which never arrived.
class noise_frames : public memory_source<std::uint16_t> {
 public:
  explicit noise_frames(int frames, const std::vector<int>& missing = {}) : memory_source({64, 64}) {
    gaussian_noise noise(11);
    for (int frame = 0; frame < frames; ++frame) {
      std::vector<std::uint16_t> pixels(info().shape.pixels());
      for (std::uint16_t& pixel : pixels) pixel = digitised(20 + 2 * noise());
      const bool arrived = std::find(missing.begin(), missing.end(), frame) == missing.end();
      add(pixels, arrived ? all_sectors : 0);
    }
  }
};

inline calibration_options with_samples(std::uint32_t samples) {
  calibration_options options;
  options.samples = samples;
  options.background_sigmas = usual_background_sigmas;
  return options;
}

}  // namespace countem::test
