// Right inputs of many kinds get no warning.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include "tests/calibration/memory_source.hpp"

namespace {

using namespace countem;
using namespace countem::test;

/// Frames of a source in another pixel type; the camera cuts what the type does not hold.
template <class Pixel>
class retyped : public memory_source<Pixel> {
 public:
  retyped(const frame_source& from, float offset) : memory_source<Pixel>(from.info().shape) {
    frame_batch batch;
    for (std::uint64_t number = 0; number < from.info().scan.frames(); ++number) {
      from.read(number, 1, batch);
      const auto* const raw = reinterpret_cast<const std::uint16_t*>(batch.frames.front().row(0));
      std::vector<Pixel> pixels(from.info().shape.pixels());
      for (std::size_t p = 0; p < pixels.size(); ++p) {
        const float value = static_cast<float>(raw[p]) + offset;
        pixels[p] = static_cast<Pixel>(
            std::min(value, std::is_same_v<Pixel, float> ? value : static_cast<float>(std::numeric_limits<Pixel>::max())));
      }
      this->add(std::move(pixels));
    }
  }
};

struct scene {
  simulation_options scan;
  std::uint32_t dark_frames = 0;
  bool gained = false;
};

std::string words(const scene& made) {
  return "occupancy " + std::to_string(made.scan.occupancy) + ", noise " + std::to_string(made.scan.noise_adu) + ", darks " +
         std::to_string(made.dark_frames) + (made.gained ? ", gain" : "") + ", seed " + std::to_string(made.scan.seed);
}

/// Occupancies of .0001 to .1, noise of 1 to 4 ADU, 1 to 100 dark frames, with and without gain.
scene random_scene(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto between = [&](double low, double high) {
    return low * std::pow(high / low, static_cast<double>(random() >> 11) * 0x1p-53);
  };
  scene made;
  made.scan.scan = {4, 3, 1};
  made.scan.frame = {144, 288};
  made.scan.seed = seed;
  made.scan.occupancy = between(1e-4, 0.1);
  made.scan.noise_adu = between(1, 4);
  made.scan.hot_pixels = 10;
  made.dark_frames = static_cast<std::uint32_t>(between(1, 101));
  made.gained = random() % 2 == 0;
  return made;
}

std::string notes_of(const frame_source& frames, const frame_source& darks, const scene& made) {
  calibration start;
  apply_dark(start, average_darks(darks));
  if (made.gained) {
    std::mt19937_64 random(made.scan.seed);
    for (std::uint64_t p = 0; p < frames.info().shape.pixels(); ++p)
      start.gain.push_back(0.9F + 0.2F * static_cast<float>(random() >> 40) * 0x1p-24F);
  }
  std::string all;
  try {
    for (const source_issue& note : calibrate(frames, start, {}).notes) {
      const bool is_true = note.kind == "blinking_unknown" && made.dark_frames == 1;
      if (!is_true) all += note.kind + ": " + note.text + "\n";
    }
  } catch (const format_error& refused) {
    all = std::string("refused: ") + refused.what();
  }
  return all;
}

TEST(right_inputs, get_no_warning) {
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    const scene made = random_scene(seed);
    const auto frames = simulated_source(made.scan);
    const auto darks = simulated_darks(made.scan, made.dark_frames);
    EXPECT_EQ(notes_of(retyped<std::uint16_t>(*frames, 0), retyped<std::uint16_t>(*darks, 0), made), "")
        << "u16, " << words(made);
    EXPECT_EQ(notes_of(retyped<std::uint8_t>(*frames, 0), retyped<std::uint8_t>(*darks, 0), made), "") << "u8, " << words(made);
    EXPECT_EQ(notes_of(retyped<float>(*frames, 0.3F), retyped<float>(*darks, 0.3F), made), "") << "f32, " << words(made);
  }
}

}  // namespace
