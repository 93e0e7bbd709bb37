// Which files are images of the detector, and which flat files cannot be what they are given as.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include <countem/calibrate.hpp>
#include <countem/detector_image.hpp>
#include <countem/error.hpp>

#include "tests/calibration/image_files.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr frame_shape square{8, 8};

std::vector<float> gain_in(const std::filesystem::path& path) {
  calibration gained;
  apply_gain(gained, *open_detector_image(path, square, image_role::gain));
  return gained.gain;
}

TEST(detector_images, of_a_format_are_not_flat_where_their_size_would_fit) {
  const test::temporary_directory directory;
  const std::vector<float> twos(square.pixels(), 2.0F);
  const auto u16 = test::save_npy(directory / "u16.npy", "<u2", "8, 8", std::vector<std::uint16_t>(square.pixels(), 2));
  ASSERT_EQ(std::filesystem::file_size(u16), square.pixels() * sizeof(float));
  EXPECT_EQ(gain_in(u16), twos);
  EXPECT_EQ(gain_in(test::save_npy(directory / "i16.npy", "<i2", "8, 8", std::vector<std::int16_t>(square.pixels(), 2))), twos);
  EXPECT_EQ(gain_in(test::save_npy(directory / "f16.npy", "<f2", "8, 8", std::vector<std::uint16_t>(square.pixels(), 0x4000))),
            twos);
  const auto other = test::save_npy(directory / "other.npy", "<u2", "4, 16", std::vector<std::uint16_t>(square.pixels(), 2));
  EXPECT_THAT([&] { (void)gain_in(other); }, testing::ThrowsMessage<invalid_argument>(HasSubstr("4 x 16")));
}

TEST(detector_images, are_flat_under_any_name_where_no_format_is_recognised) {
  const test::temporary_directory directory;
  const std::vector<float> twos(square.pixels(), 2.0F);
  for (const char* name : {"gain.bin", "gain", "gain.data", "gain.npy", "gain.h5", "scan_x2_y2.bin"})
    EXPECT_EQ(gain_in(test::save_flat(directory / name, "", twos)), twos) << name;
  EXPECT_THAT([&] { (void)gain_in(test::save_flat(directory / "short.bin", "", std::vector<float>(63, 2.0F))); },
              testing::ThrowsMessage<format_error>(HasSubstr("one f32 a pixel, which has 256 bytes")));
  calibration masked;
  std::vector<std::uint8_t> mask(square.pixels(), 0);
  mask[1] = mask[4] = 1;  // as a TVIPS series begins
  apply_mask(masked, *open_detector_image(test::save_flat(directory / "mask.bin", "", mask), square, image_role::mask));
  EXPECT_EQ(masked.mask[1], mask_given);
  EXPECT_EQ(masked.mask[2], 0);
}

constexpr frame_shape oblong{24, 20};

/// Four bytes per pixel in the other order.
template <class Value>
std::vector<std::uint32_t> swapped(const std::vector<Value>& values) {
  std::vector<std::uint32_t> other;
  for (const Value value : values) other.push_back(__builtin_bswap32(std::bit_cast<std::uint32_t>(value)));
  return other;
}

std::vector<float> usual_gain(double sigma = 0.05) {
  std::mt19937 random(0);
  std::normal_distribution<double> factor(1, sigma);
  std::vector<float> gain(oblong.pixels());
  for (float& value : gain) value = static_cast<float>(factor(random));
  return gain;
}

std::vector<std::int32_t> whole_gain(double unit) {
  std::vector<std::int32_t> whole;
  for (const float value : usual_gain()) whole.push_back(static_cast<std::int32_t>(value * unit));
  return whole;
}

std::vector<char> text_of(std::size_t bytes) {
  std::string text;
  for (int row = 0; text.size() < bytes; ++row) text += std::to_string(1 + 0.01 * (row % 7)) + (row % 9 == 8 ? "\n" : ", ");
  return {text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bytes)};
}

std::vector<std::uint8_t> any_bytes(std::size_t count) {
  std::mt19937 random(3);
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

class flat_image : public ::testing::Test {
 protected:
  /// The pixels; or why they are refused.
  template <class Value>
  std::vector<float> read(const std::vector<Value>& values, image_role role) const {
    const auto path = test::save_flat(directory_ / "image.bin", "", values);
    EXPECT_EQ(values.size() * sizeof(Value), oblong.pixels() * size_of(flat_type(role)));
    return read_image(*open_detector_image(path, oblong, role), "image");
  }
  template <class Value>
  void takes(const std::vector<Value>& values, image_role role) const {
    const std::vector<float> pixels = read(values, role);
    ASSERT_EQ(pixels.size(), values.size());
    for (std::size_t at = 0; at < values.size(); ++at) {
      const auto wanted = static_cast<float>(values[at]);
      ASSERT_TRUE(pixels[at] == wanted || (std::isnan(pixels[at]) && std::isnan(wanted))) << at;
    }
  }
  template <class Value>
  void refuses(const std::vector<Value>& values, image_role role, const std::string& words) const {
    EXPECT_THAT([&] { (void)read(values, role); },
                testing::ThrowsMessage<format_error>(AllOf(HasSubstr("image.bin"), HasSubstr(words), HasSubstr("as .npy"))))
        << words;
  }

 private:
  test::temporary_directory directory_;
};

TEST_F(flat_image, gains_that_are_gains) {
  takes(usual_gain(), image_role::gain);
  takes(std::vector<float>(oblong.pixels(), 1.0F), image_role::gain);
  std::vector<float> wide(oblong.pixels());
  for (std::size_t at = 0; at < wide.size(); ++at) wide[at] = 0.2F * std::pow(25.0F, static_cast<float>(at) / 479);
  takes(wide, image_role::gain);
  wide[7] = 1e-3F;
  wide[8] = 1e3F;
  takes(wide, image_role::gain);
  std::vector<float> with_dead = usual_gain();
  for (std::size_t at = 0; at < 48; ++at) with_dead[10 * at] = at % 3 == 0 ? std::nanf("") : at % 3 == 1 ? 0.0F : -1.0F;
  takes(with_dead, image_role::gain);
}

TEST_F(flat_image, gains_in_another_form_are_named) {
  refuses(swapped(usual_gain()), image_role::gain, "big-endian f32 (0.8");
  refuses(swapped(usual_gain(0)), image_role::gain, "big-endian f32 (1 to 1)");
  std::vector<float> with_dead = usual_gain();
  for (std::size_t at = 0; at < 40; ++at) with_dead[12 * at] = at % 2 == 0 ? 0.0F : std::nanf("");
  refuses(swapped(with_dead), image_role::gain, "big-endian f32 (0.8");
  refuses(whole_gain(1000), image_role::gain, "whole numbers of 32 bits (8");
  refuses(swapped(whole_gain(1000)), image_role::gain, "whole numbers of 32 bits, big-endian (8");
  refuses(whole_gain(1), image_role::gain, "whole numbers of 32 bits");
  for (const double unit : {1e7, 1e8, 1e9, 1.5e9}) refuses(whole_gain(unit), image_role::gain, "are no gains");
  refuses(text_of(4 * oblong.pixels()), image_role::gain, "seems to hold text");
  refuses(any_bytes(4 * oblong.pixels()), image_role::gain, "pixels of another type");
  refuses(std::vector<std::uint16_t>(2 * oblong.pixels(), 1000), image_role::gain, "are no gains");
  refuses(std::vector<double>(oblong.pixels() / 2, 1.1), image_role::gain, "are no numbers above 0");
}

TEST_F(flat_image, gains_beyond_all_factors) {
  std::vector<float> gain = usual_gain();
  for (const float value : {0.9e-3F, 1.1e3F, 1e-40F, 1e30F}) {
    gain[77] = value;
    refuses(gain, image_role::gain, "1 of 480 values are no gains");
  }
  gain[77] = 1;
  for (std::size_t at = 0; at < 48; ++at) gain[10 * at] = 0;
  takes(gain, image_role::gain);
  gain[5] = 0;
  refuses(gain, image_role::gain, "49 of 480 values, more than a tenth, are no numbers above 0");
}

TEST_F(flat_image, masks_have_two_values) {
  std::vector<std::uint8_t> mask(oblong.pixels(), 0);
  takes(mask, image_role::mask);
  for (const std::uint8_t marked : std::initializer_list<std::uint8_t>{1, 7, 255}) {
    for (std::size_t at = 0; at < 100; ++at) mask[at] = marked;
    takes(mask, image_role::mask);
  }
  mask[200] = 3;
  refuses(mask, image_role::mask, "3 different values");
  takes(mask, image_role::aperture);
  refuses(any_bytes(oblong.pixels()), image_role::mask, "different values");
  refuses(text_of(oblong.pixels()), image_role::mask, "seems to hold text");
  refuses(text_of(oblong.pixels()), image_role::aperture, "seems to hold text");
  std::vector<std::uint8_t> digits(oblong.pixels(), '0');
  digits[3] = '1';
  refuses(digits, image_role::mask, "seems to hold text");
}

TEST_F(flat_image, weights_are_of_any_size_and_sign) {
  std::vector<float> weights = usual_gain();
  for (std::size_t at = 0; at < weights.size(); ++at) weights[at] *= at % 2 == 0 ? -1e6F : 1e-6F;
  takes(weights, image_role::weights);
  std::vector<float> faint(oblong.pixels(), 1e-40F);
  faint[3] = 1;  // the edge of a Gaussian
  takes(faint, image_role::weights);
  takes(std::vector<float>(oblong.pixels(), 0), image_role::weights);
  refuses(swapped(weights), image_role::weights, "big-endian f32");
  refuses(whole_gain(1000), image_role::weights, "whole numbers of 32 bits");
  refuses(text_of(4 * oblong.pixels()), image_role::weights, "seems to hold text");
  refuses(any_bytes(4 * oblong.pixels()), image_role::weights, "not finite");
}

}  // namespace
}  // namespace countem
