#pragma once

#include <cstdint>
#include <vector>

#include <countem/simulate.hpp>

#include "data_gen/random.hpp"

namespace countem::data_gen {

/// The camera without beam: what is fixed for the whole scan, and how collected charge becomes numbers.
class detector {
 public:
  explicit detector(const simulation_options& options);

  [[nodiscard]] const std::vector<float>& baseline_adu() const { return baseline_adu_; }
  [[nodiscard]] const std::vector<std::uint32_t>& hot_pixels() const { return hot_pixels_; }

  /// Replaces the pairs that each pixel collected by what the converter reads: baseline + charge + noise, rounded, never below
  /// 0.
  void read_out(std::uint16_t* pixels, random_stream& noise) const;

 private:
  float noise_adu_;
  std::vector<float> baseline_adu_;
  std::vector<std::uint32_t> hot_pixels_;
};

}  // namespace countem::data_gen
