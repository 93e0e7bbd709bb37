// Every backend that this build and machine have against the reference, bit for bit.
#include <gtest/gtest.h>
#include <array>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <countem/counting.hpp>
#include <countem/devices.hpp>

#include "tests/parity/parity_case.hpp"

namespace countem::parity {
namespace {

/// Everything that may be subtracted from half-rows.
std::array<counting_options, 3> noise_options() {
  std::array<counting_options, 3> options;
  options[0].row_noise = row_noise_method::mean;
  options[1].row_noise = row_noise_method::median;
  options[2].background = background_method::frame;
  for (counting_options& one : options) one.values = event_value::charge;
  return options;
}

class parity : public testing::TestWithParam<backend> {
 protected:
  static std::unique_ptr<counter> make(const counting_setup& setup) {
    return GetParam() == backend::cuda ? cuda::make_counter(setup) : cpu::make_counter(setup);
  }

  void SetUp() override {
    if (GetParam() == backend::cuda && cuda::device_count() == 0)
      FAIL() << "COUNTEM_REQUIRE_GPU is set and the cuda backend is not available: " << cuda::device_reason();
  }

  static void expect_equal(const parity_case& drawn, const std::string& name) {
    const auto tested = make(drawn.setup);
    EXPECT_EQ(compare_with_reference(drawn, *tested), "") << name << ": " << describe(drawn);
    // Scratch memory that one call leaves behind must not show in the next.
    EXPECT_EQ(compare_with_reference(drawn, *tested), "") << name << ", second call: " << describe(drawn);
  }
};

/// A frame of these pixels, which the case keeps.
frame_view stored(parity_case& drawn, const std::vector<std::uint16_t>& pixels) {
  drawn.storage.emplace_back(pixels.size() * sizeof(std::uint16_t));
  std::memcpy(drawn.storage.back().data(), pixels.data(), drawn.storage.back().size());
  return contiguous_frame(drawn.setup.shape, pixel_type::u16, drawn.storage.back().data());
}

TEST_P(parity, random_cases) {
  for (std::uint64_t seed = 0; seed < 1500 && !HasFailure(); ++seed)
    expect_equal(random_case(seed, frames_for_cpu), "seed " + std::to_string(seed));
}

TEST_P(parity, content_at_sizes) {
  const std::uint32_t lengths[] = {1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 71, 72, 130};
  std::uint64_t seed = 0;
  for (const std::uint32_t height : lengths) {
    for (const std::uint32_t width : lengths) {
      for (int kind = 0; kind < static_cast<int>(content::count_) && !HasFailure(); ++kind) {
        expect_equal(plain_case({height, width}, static_cast<content>(kind), 0.1, ++seed), "kind " + std::to_string(kind));
      }
    }
  }
}

TEST_P(parity, camera_frames_at_occupancies) {
  for (const double occupancy : {0.0, 0.0001, 0.001, 0.01, 0.05, 0.1, 0.3, 0.5}) {
    expect_equal(plain_case({576, 576}, content::clouds, occupancy, 7), "occupancy " + std::to_string(occupancy));
  }
}

TEST_P(parity, components_as_large_as_the_frame) {
  for (const content kind : {content::full, content::spiral, content::comb, content::stripes}) {
    parity_case drawn = plain_case({576, 576}, kind, 0, 3);
    drawn.setup.options.upsample = 4;
    expect_equal(drawn, "kind " + std::to_string(static_cast<int>(kind)));
  }
}

TEST_P(parity, row_noise_at_widths) {
  // Half-rows that end within a vector or a byte of hits, and frames beyond those that go side by side.
  for (const std::uint32_t width :
       {1U, 2U, 3U, 15U, 16U, 17U, 31U, 33U, 62U, 64U, 66U, 130U, 254U, 576U, 961U, 1920U, 1924U, 2050U, 4098U}) {
    for (const counting_options& options : noise_options()) {
      for (const bool dark : {false, true}) {
        parity_case drawn = plain_case({3, width}, content::clouds, 0.02, width);
        drawn.setup.options = options;
        if (dark) {
          drawn.setup.calibrated.shape = drawn.setup.shape;
          for (std::uint32_t p = 0; p < 3 * width; ++p)
            drawn.setup.calibrated.dark16.push_back(static_cast<std::int32_t>(p * 37 % 90));
        }
        drawn.frames.resize(frames_for_cpu, drawn.frames.front());
        expect_equal(drawn, std::string(dark ? "dark, " : "no dark, ") + "width " + std::to_string(width));
      }
    }
  }
}

TEST_P(parity, medians_far_from_each_other_and_from_the_mean) {
  // The rows' medians jump over the whole range of charges, two medians of one row lie far apart, and the mean predicts
  // nothing; nor does the row before predict the middle of a mean.
  parity_case drawn;
  drawn.setup.shape = {40, 64};
  drawn.setup.type = pixel_type::u16;
  drawn.setup.calibrated.background16 = background_from_adu(700);
  std::vector<std::uint16_t> pixels;
  for (std::uint32_t row = 0; row < 40; ++row) {
    for (std::uint32_t column = 0; column < 64; ++column) {
      const std::uint32_t low = row * 17 % 650;
      const std::uint32_t high = row % 3 == 0 ? low : row % 3 == 1 ? 690 - row : low + 1;
      pixels.push_back(static_cast<std::uint16_t>(column % 2 == 0 ? low : column == 41 ? 1500 : high));
    }
  }
  drawn.frames.assign(4, stored(drawn, pixels));
  for (const counting_options& options : noise_options()) {
    drawn.setup.options = options;
    expect_equal(drawn, "jumping rows");
  }
}

TEST_P(parity, noise_about_the_highest_that_16_bits_hold) {
  // Half-rows whose two middle charges lie on both sides of 2047 ADU, and rows that lie there as a whole.
  for (const counting_options& options : noise_options()) {
    parity_case drawn;
    drawn.setup.shape = {12, 36};
    drawn.setup.type = pixel_type::u16;
    drawn.setup.options = options;
    drawn.setup.calibrated.background16 = 100;
    std::vector<std::uint16_t> pixels;
    for (std::uint32_t row = 0; row < 12; ++row) {
      const std::uint32_t low = std::array<std::uint32_t, 6>{300, 2030, 2040, 2043, 2046, 5}[row % 6];
      const std::uint32_t high = row < 6 ? 65'000 : low + 3;
      for (std::uint32_t column = 0; column < 36; ++column)
        pixels.push_back(static_cast<std::uint16_t>(column % 2 == 0 ? low : column == 7 ? high + 50 : high));
    }
    drawn.frames.assign(3, stored(drawn, pixels));
    expect_equal(drawn, "half-rows of two levels");
  }
}

TEST_P(parity, shifts_of_frames) {
  // A level that goes up from frame to frame, past the threshold and what 16 bits hold.
  for (const std::uint32_t height : {5U, 127U, 128U, 200U}) {
    for (const bool dark : {false, true}) {
      parity_case drawn;
      drawn.setup.shape = {height, 70};
      drawn.setup.type = pixel_type::u16;
      drawn.setup.options.background = background_method::frame;
      drawn.setup.options.values = event_value::charge;
      drawn.setup.calibrated.background16 = 160;
      if (dark) {
        drawn.setup.calibrated.shape = drawn.setup.shape;
        for (std::uint32_t p = 0; p < height * 70; ++p)
          drawn.setup.calibrated.dark16.push_back(static_cast<std::int32_t>(p * 37 % 90));
      }
      for (const std::uint32_t level : {20U, 21U, 40U, 41U, 500U, 2030U, 2047U, 60'000U, 19U}) {
        std::vector<std::uint16_t> pixels;
        for (std::uint32_t p = 0; p < height * 70; ++p)
          pixels.push_back(static_cast<std::uint16_t>(level + p * p % 7 + (p % 97 == 0 ? 30 + p % 11 : 0)));
        drawn.frames.push_back(stored(drawn, pixels));
      }
      expect_equal(drawn, "height " + std::to_string(height));
    }
  }
}

TEST_P(parity, charges_about_the_highest_that_vectors_add) {
  for (const std::uint32_t brightest : {480U, 500U, 510U, 511U, 512U, 513U, 530U, 545U, 600U, 2000U, 4095U, 4096U, 65535U}) {
    for (const std::int32_t xray16 : {no_xray_threshold, std::int32_t{8191}, std::int32_t{8192}}) {
      for (const bool dark : {false, true}) {
        parity_case drawn;
        drawn.setup.shape = {24, 40};
        drawn.setup.type = pixel_type::u16;
        drawn.setup.options.values = event_value::charge;
        drawn.setup.calibrated.background16 = 500;
        drawn.setup.calibrated.xray16 = xray16;
        std::vector<std::uint16_t> pixels(24 * 40, 20);
        for (const std::uint32_t at : {6U * 40 + 9, 6U * 40 + 10, 7U * 40 + 9, 7U * 40 + 10, 7U * 40 + 11})
          pixels[at] = static_cast<std::uint16_t>(brightest);
        pixels[15 * 40 + 20] = 300;
        pixels[16 * 40 + 21] = 40;
        pixels[22 * 40 + 39] = 90;
        pixels[23 * 40 + 39] = 91;
        if (dark) {
          drawn.setup.calibrated.shape = drawn.setup.shape;
          for (std::uint32_t p = 0; p < pixels.size(); ++p)
            drawn.setup.calibrated.dark16.push_back(static_cast<std::int32_t>(p % 70));
        }
        drawn.frames.push_back(stored(drawn, pixels));
        expect_equal(drawn, "brightest " + std::to_string(brightest) + ", X-ray " + std::to_string(xray16));
      }
    }
  }
}

TEST_P(parity, sums_beyond_32_and_64_bits) {
  // Charges of 2^30 each over a wide frame: the weighted sums pass 2^64 for upsample 64.
  parity_case drawn;
  drawn.setup.shape = {3, 70'000};
  drawn.setup.type = pixel_type::u32;
  drawn.setup.options.upsample = 64;
  drawn.setup.options.values = event_value::charge;
  drawn.storage.emplace_back(drawn.setup.shape.pixels() * 4, std::byte{0xff});
  drawn.frames.push_back(contiguous_frame(drawn.setup.shape, pixel_type::u32, drawn.storage.front().data()));
  expect_equal(drawn, "wide");
}

TEST_P(parity, empty_batch) {
  parity_case drawn = plain_case({5, 5}, content::full, 0, 0);
  drawn.frames.clear();
  expect_equal(drawn, "no frames");
}

TEST_P(parity, counts_at_occupancies) {
  for (const pixel_type type : {pixel_type::u8, pixel_type::u16, pixel_type::u32, pixel_type::f32}) {
    for (const double occupancy : {0.0, 0.001, 0.01, 0.1, 1.0}) {
      for (const bool masked : {false, true}) {
        const parity_case drawn = counts_case({200, 256}, type, occupancy, masked, 11);
        expect_equal(drawn, "occupancy " + std::to_string(occupancy));
      }
    }
  }
}

/// A backend that is wanted must be there: without a device the tests of cuda are made in order to fail.
std::vector<backend> backends_here() {
  std::vector<backend> found{backend::cpu};
  if (cuda::device_count() != 0 || std::getenv("COUNTEM_REQUIRE_GPU") != nullptr) found.push_back(backend::cuda);
  return found;
}

INSTANTIATE_TEST_SUITE_P(backends, parity, testing::ValuesIn(backends_here()),
                         [](const auto& tested) { return std::string(to_string(tested.param)); });

}  // namespace
}  // namespace countem::parity
