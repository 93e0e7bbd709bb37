#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include <countem/frame_source.hpp>

namespace countem::test {

/// Frames that lie in memory, each with the sectors that arrived.
template <class Pixel>
class memory_source : public frame_source {
 public:
  explicit memory_source(frame_shape shape, sector_split split = sector_split::none) {
    info_.shape = shape;
    info_.split = split;
    info_.type = std::is_same_v<Pixel, float> ? pixel_type::f32
                 : sizeof(Pixel) == 1         ? pixel_type::u8
                 : sizeof(Pixel) == 2         ? pixel_type::u16
                                              : pixel_type::u32;
    info_.scan = {1, 0, 1};
    info_.files = {{"memory", 0}};
  }

  void add(std::vector<Pixel> pixels, std::uint8_t present = all_sectors) {
    pixels.resize(info_.shape.pixels());
    frames_.push_back(std::move(pixels));
    present_.push_back(present);
    ++info_.scan.width;
  }

  /// A pixel that the file marks as unusable.
  void mark(std::size_t pixel) {
    info_.masked.resize(info_.shape.pixels());
    info_.masked[pixel] = 1;
  }

  void add_issue(source_issue issue) { info_.issues.push_back(std::move(issue)); }

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    batch.first_frame = first;
    batch.frames.clear();
    for (std::uint64_t frame = first; frame < first + count; ++frame) {
      frame_view view = contiguous_frame(info_.shape, info_.type, frames_.at(frame).data());
      view.split = info_.split;
      view.present = present_.at(frame);
      if (view.present == 0) view.bands[0] = nullptr;
      batch.frames.push_back(view);
    }
  }

 private:
  source_info info_;
  std::vector<std::vector<Pixel>> frames_;
  std::vector<std::uint8_t> present_;
};

/// Gaussian numbers that are the same with every standard library.
class gaussian_noise {
 public:
  explicit gaussian_noise(std::uint64_t seed) : bits_(seed) {}
  double uniform() { return (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53; }
  double operator()() {
    const double away = std::sqrt(-2 * std::log(uniform()));
    return away * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 bits_;
};

/// What an integer detector reads.
inline std::uint16_t digitised(double adu) {
  return static_cast<std::uint16_t>(std::lround(std::fmax(0, adu)));
}

}  // namespace countem::test
