// A calibration that makes no sense is refused by the library with what is wrong and its value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include <countem/calibrate.hpp>
#include <countem/calibration.hpp>
#include <countem/detector_image.hpp>
#include <countem/error.hpp>

#include "tests/calibration/image_files.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr frame_shape shape{2, 3};
constexpr double none = std::numeric_limits<double>::quiet_NaN();

calibration sound() {
  calibration made;
  made.shape = shape;
  made.dark16.assign(6, 160);
  made.gain.assign(6, 1.0F);
  made.background16 = 32;
  made.xray16 = 16'000;
  made.dark_sigma_adu.assign(6, 2.0F);
  made.dark_frames = 100;
  made.fit.emplace();
  return made;
}

/// Why the calibration is refused after `change`; empty where it is not.
std::string refusal(const std::function<void(calibration&)>& change) {
  calibration changed = sound();
  change(changed);
  try {
    validate(changed, shape);
  } catch (const invalid_argument& refused) {
    return refused.what();
  }
  return {};
}

TEST(validate_calibration, takes_what_makes_sense) {
  EXPECT_EQ(refusal([](calibration&) {}), "");
  EXPECT_EQ(refusal([](calibration& c) { c.gain[1] = std::nanf(""); }), "") << "such a pixel is masked";
  EXPECT_EQ(refusal([](calibration& c) { c.dark_sigma_adu[1] = std::nanf(""); }), "") << "no noise is known of the pixel";
}

TEST(validate_calibration, names_pixel_and_value) {
  EXPECT_THAT(refusal([](calibration& c) { c.dark16[4] = (1 << 30) + 1; }),
              AllOf(HasSubstr("dark reference"), HasSubstr("row 1, column 1 is 1073741825")));
  EXPECT_THAT(refusal([](calibration& c) { c.pixel_background16 = {1, 2, -3, 4, 5, 6}; }),
              AllOf(HasSubstr("background threshold"), HasSubstr("row 0, column 2 is -3")));
  EXPECT_THAT(refusal([](calibration& c) { c.dark_sigma_adu[5] = -1; }),
              AllOf(HasSubstr("noise of the dark reference"), HasSubstr("row 1, column 2 is -1")));
  EXPECT_THAT(refusal([](calibration& c) { c.dark_sigma_adu.pop_back(); }), HasSubstr("holds 5 pixels"));
}

TEST(validate_calibration, never_judges_a_masked_pixel) {
  const auto masked = [](std::size_t pixel, std::uint8_t reason, const std::function<void(calibration&)>& change) {
    return refusal([&](calibration& c) {
      c.mask.assign(6, 0);
      c.mask[pixel] = reason;
      change(c);
    });
  };
  EXPECT_EQ(masked(4, mask_hot, [](calibration& c) { c.dark16[4] = std::numeric_limits<std::int32_t>::min(); }), "");
  EXPECT_EQ(masked(2, mask_given, [](calibration& c) { c.pixel_background16 = {1, 2, -3, 4, 5, 6}; }), "");
  EXPECT_EQ(masked(5, mask_dead, [](calibration& c) { c.dark_sigma_adu[5] = -1; }), "");
  EXPECT_NE(masked(4, mask_dead, [](calibration& c) { c.dark_sigma_adu[5] = -1; }), "") << "another pixel";
  EXPECT_EQ(refusal([](calibration& c) {
              c.gain[5] = 0;
              c.dark_sigma_adu[5] = -1;
            }),
            "")
      << "gain 0 masks";
}

TEST(thresholds_in_adu, are_never_cut_to_0) {
  EXPECT_EQ(background_from_adu(0), 0);
  EXPECT_EQ(background_from_adu(1 / 16.0), 1);
  for (const double small : {0.0624, 0.01, 1e-300}) {
    try {
      static_cast<void>(background_from_adu(small));
      FAIL() << small;
    } catch (const invalid_argument& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("below 1/16 ADU"));
      ASSERT_EQ(refused.advised().size(), 1U);
      EXPECT_EQ(refused.advised().front().kind, advice_kind::scale);
    }
  }
}

TEST(validate_calibration, names_thresholds_and_numbers) {
  EXPECT_THAT(refusal([](calibration& c) { c.background16 = -16; }), HasSubstr("background threshold is -1.0"));
  EXPECT_THAT(refusal([](calibration& c) { c.xray16 = -16; }), HasSubstr("-1.0"));
  EXPECT_THAT(refusal([](calibration& c) { c.dark_frames = ~std::uint64_t{0}; }),
              HasSubstr("18446744073709551615 dark frames"));
  EXPECT_THAT(refusal([](calibration& c) { c.gain.assign(6, -1.0F); }), HasSubstr("no gain"));
}

TEST(validate_calibration, names_a_number_of_its_fit) {
  const auto with = [](double noise_fit::*member, double value) {
    return refusal([&](calibration& c) { (*c.fit).*member = value; });
  };
  EXPECT_EQ(with(&noise_fit::mean_adu, none), "") << "nothing was fitted";
  EXPECT_THAT(with(&noise_fit::mean_adu, -1e9), AllOf(HasSubstr("mean of its fit"), HasSubstr("-1000000000")));
  EXPECT_THAT(with(&noise_fit::sigma_adu, HUGE_VAL), AllOf(HasSubstr("sigma of its fit"), HasSubstr("inf")));
  EXPECT_THAT(with(&noise_fit::sigma_adu, -1), HasSubstr("below 0"));
  for (double noise_fit::*const member : {&noise_fit::sample_mean_adu, &noise_fit::sample_sigma_adu, &noise_fit::sample_min_adu,
                                          &noise_fit::sample_max_adu, &noise_fit::background_sigmas, &noise_fit::xray_sigmas,
                                          &noise_fit::histogram_first_adu, &noise_fit::histogram_step_adu}) {
    EXPECT_THAT(with(member, 1e300), HasSubstr("expected at most 2^26"));
  }
}

TEST(usable_pixels, are_required_whatever_masks_the_others) {
  calibration some = sound();
  EXPECT_NO_THROW(require_usable_pixels(some));
  EXPECT_NO_THROW(require_usable_pixels(calibration{})) << "the same for every pixel";
  some.gain = {0, 0, 0, 1, 1, static_cast<float>(none)};
  EXPECT_NO_THROW(require_usable_pixels(some));
  some.mask = {mask_gain, mask_gain, mask_gain, mask_given, mask_hot, mask_gain | mask_given};
  EXPECT_THAT([&] { require_usable_pixels(some); },
              testing::ThrowsMessage<invalid_argument>(AllOf(HasSubstr("all 6 pixels are masked"),
                                                             HasSubstr("2 by a mask or the file of the frames"),
                                                             HasSubstr("4 by a gain"), HasSubstr("1 by the dark frames"))));
  some.mask[4] = 0;
  EXPECT_NO_THROW(require_usable_pixels(some));
  calibration loaded;
  loaded.gain = {-1, 0};
  EXPECT_THAT([&] { require_usable_pixels(loaded); }, testing::ThrowsMessage<invalid_argument>(HasSubstr("2 by a gain")));
}

/// Of 64-bit floating point, NumPy's own choice.
std::filesystem::path save_f64(const test::temporary_directory& directory, const std::vector<double>& values) {
  return test::save_npy(directory / "image.npy", "<f8", "2, 3", values);
}

TEST(references_of_64_bits, gains_keep_their_fractions) {
  const test::temporary_directory directory;
  calibration gained;
  apply_gain(gained, *open_detector_image(save_f64(directory, {1.03, 0.97, 0.001, 1e-9, 1, 3}), shape, image_role::gain));
  EXPECT_EQ(gained.gain, (std::vector<float>{1.03F, 0.97F, 0.001F, 1e-9F, 1, 3}));
}

TEST(references_of_64_bits, a_mask_that_is_not_0_masks) {
  const test::temporary_directory directory;
  calibration masked;
  apply_mask(masked, *open_detector_image(save_f64(directory, {0, 0.01, -0.0, 1, -1e-30, 0}), shape, image_role::mask));
  const std::uint8_t given = mask_given;
  EXPECT_EQ(masked.mask, (std::vector<std::uint8_t>{0, given, 0, given, given, 0}));
}

TEST(references_of_64_bits, gains_that_are_no_factors_mask_their_pixels) {
  const test::temporary_directory directory;
  const auto gain = open_detector_image(save_f64(directory, {1, 0, -0.0, 1e39, -2, none}), shape, image_role::gain);
  calibration gained;
  apply_gain(gained, *gain);
  EXPECT_EQ(gained.mask, (std::vector<std::uint8_t>{0, mask_gain, mask_gain, mask_gain, mask_gain, mask_gain}));
}

TEST(references_of_64_bits, a_mask_that_is_almost_0_masks) {
  const test::temporary_directory directory;
  calibration masked;
  apply_mask(masked, *open_detector_image(save_f64(directory, {0, 1e-60, -1e-60, 1e39, 0, 0}), shape, image_role::mask));
  EXPECT_EQ(masked.mask, (std::vector<std::uint8_t>{0, mask_given, mask_given, mask_given, 0, 0}));
}

TEST(references_of_64_bits, a_gain_reference_without_a_usable_pixel_is_refused) {
  const test::temporary_directory directory;
  for (const double unfit : {none, -1.0, 0.0}) {
    const auto gain = open_detector_image(save_f64(directory, std::vector<double>(6, unfit)), shape, image_role::gain);
    calibration gained;
    EXPECT_THAT([&] { apply_gain(gained, *gain); },
                testing::ThrowsMessage<format_error>(AllOf(HasSubstr("image.npy"), HasSubstr("no pixel of the gain"))));
  }
}

}  // namespace
}  // namespace countem
