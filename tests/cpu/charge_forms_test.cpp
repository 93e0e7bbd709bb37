// Which fast form a calibration gets, on both sides of each precondition, and that the events are right on both.
#include "kernels/cpu/charge_forms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "tests/parity/parity_case.hpp"

namespace countem::cpu {
namespace {

using pixel = std::uint16_t;

template <class Form>
bool gets(const counting_setup& setup) {
  return std::holds_alternative<Form>(prepared_calibration<pixel>(setup).form);
}

/// A frame of one row; its events with their charges must be the reference's.
void expect_equal_events(const counting_setup& setup, const std::vector<pixel>& pixels) {
  parity::parity_case drawn;
  drawn.setup = setup;
  drawn.setup.options.values = event_value::charge;
  drawn.storage.emplace_back(pixels.size() * sizeof(pixel));
  std::memcpy(drawn.storage.back().data(), pixels.data(), drawn.storage.back().size());
  drawn.frames.push_back(contiguous_frame(setup.shape, pixel_type::u16, drawn.storage.back().data()));
  for (const counting_method method : {counting_method::cluster, counting_method::pixels}) {
    drawn.setup.options.method = method;
    EXPECT_EQ(parity::compare_with_reference(drawn, *make_counter(drawn.setup)), "");
  }
}

counting_setup row_of(std::uint32_t width) {
  counting_setup setup;
  setup.shape = setup.calibrated.shape = {1, width};
  return setup;
}

TEST(charge_forms, raw_without_a_dark) {
  counting_setup setup = row_of(2);
  EXPECT_TRUE(charges_are_raw<pixel>(setup.calibrated));
  EXPECT_FALSE(charges_are_raw<std::uint32_t>(setup.calibrated));
  EXPECT_FALSE(charges_are_raw<float>(setup.calibrated));
  EXPECT_TRUE(gets<raw_form<pixel>>(setup));
  setup.calibrated.dark16 = {0, 0};
  EXPECT_FALSE(charges_are_raw<pixel>(setup.calibrated));
  setup.calibrated.dark16.clear();
  setup.calibrated.gain = {1, 1};
  EXPECT_FALSE(charges_are_raw<pixel>(setup.calibrated));
}

TEST(charge_forms, dark_below_0_may_need_a_clamp) {
  counting_setup setup = row_of(2);
  setup.calibrated.background16 = 48;
  setup.calibrated.dark16 = {5, 0};
  EXPECT_TRUE(charges_need_no_clamp<pixel>(setup.calibrated));
  EXPECT_TRUE(gets<limit_form<pixel>>(setup));
  setup.calibrated.dark16 = {5, -1};
  EXPECT_FALSE(charges_need_no_clamp<pixel>(setup.calibrated));
  EXPECT_TRUE(gets<general_form<pixel>>(setup));
  setup.calibrated.dark16 = {5, -charge_limit};
  expect_equal_events(setup, {0xffff, 0xffff});
}

TEST(charge_forms, charges_at_limits_within_a_byte) {
  EXPECT_TRUE(fit_bytes(-10, 245));
  EXPECT_FALSE(fit_bytes(-10, 246));
  // Charges at the limits: 160 at raw 10, and 415 (raw 26, dark 1) or 416 (raw 26, no dark).
  counting_setup setup = row_of(3);
  setup.calibrated.dark16 = {0, 0, 1};
  setup.calibrated.pixel_background16 = {160, 160, 415};
  EXPECT_TRUE(gets<limit_form<pixel>>(setup));
  expect_equal_events(setup, {100, 0, 200});
  setup.calibrated.dark16 = {0, 0, 0};
  setup.calibrated.pixel_background16 = {160, 160, 416};
  EXPECT_TRUE(gets<general_form<pixel>>(setup));
  expect_equal_events(setup, {100, 0, 200});
}

TEST(charge_forms, pixels_that_are_always_hits_have_no_limit) {
  counting_setup setup = row_of(2);
  setup.calibrated.dark16 = {-900, 0};
  setup.calibrated.background16 = 100;
  EXPECT_TRUE(gets<general_form<pixel>>(setup));
  expect_equal_events(setup, {0, 0});
}

TEST(charge_forms, gain_with_darks_inside_the_clamp) {
  constexpr std::int32_t most = charge_limit - 16 * 0xffff;
  EXPECT_TRUE(dark_is_inside_clamp(most));
  EXPECT_FALSE(dark_is_inside_clamp(most + 1));
  EXPECT_TRUE(dark_is_inside_clamp(-most));
  EXPECT_FALSE(dark_is_inside_clamp(-most - 1));
  counting_setup setup = row_of(2);
  setup.calibrated.gain = {0.5F, 0.5F};
  EXPECT_TRUE(gets<gain_form<pixel>>(setup));
  for (const std::int32_t dark : {most, -most}) {
    setup.calibrated.dark16 = {dark, dark};
    EXPECT_TRUE(gets<gain_form<pixel>>(setup)) << dark;
    expect_equal_events(setup, {0xffff, 0});
  }
  for (const std::int32_t dark : {most + 1, -most - 1, charge_limit, -charge_limit}) {
    setup.calibrated.dark16 = {0, dark};
    EXPECT_TRUE(gets<general_form<pixel>>(setup)) << dark;
    expect_equal_events(setup, {0xffff, 0xffff});
  }
}

counting_setup noisy_row(std::uint32_t width) {
  counting_setup setup = row_of(width);
  setup.options.row_noise = row_noise_method::median;
  return setup;
}

TEST(narrow_noise, highest_noise) {
  constexpr std::int32_t cut = 16 * narrow_calibration::brightest_raw;  // 32752
  EXPECT_EQ(highest_narrow_noise(0, 1000), cut - 1001);
  EXPECT_EQ(highest_narrow_noise(5, 1000), cut - 1006);
  EXPECT_EQ(highest_narrow_noise(0, 192), cut - 193);
  EXPECT_EQ(highest_narrow_noise(0, 0), cut - 193) << "what a mean may reach counts too";
}

TEST(narrow_noise, darks_and_thresholds_that_leave_no_room) {
  counting_setup setup = noisy_row(16);
  setup.calibrated.background16 = 192;
  constexpr std::int32_t most = 16 * narrow_calibration::brightest_raw - 193;
  for (const std::int32_t dark : {most, most + 1}) {
    setup.calibrated.dark16.assign(16, 0);
    setup.calibrated.dark16[3] = dark;
    EXPECT_EQ(gets<narrow_noise_form<pixel>>(setup), dark == most) << dark;
    std::vector<pixel> pixels(16, 2);
    pixels[3] = 2048;
    pixels[5] = 2047;
    pixels[12] = 2048;
    expect_equal_events(setup, pixels);
  }
}

TEST(narrow_noise, both_sides_of_the_highest_noise) {
  // Half-rows at and above the level up to which 16 bits do, beside pixels that are cut there.
  for (const row_noise_method method : {row_noise_method::mean, row_noise_method::median}) {
    counting_setup setup = noisy_row(16);
    setup.options.row_noise = method;
    for (const pixel level : std::initializer_list<pixel>{1000, 1978, 1979, 1980, 1984, 2030, 2046, 2047, 2048, 30'000}) {
      for (const std::int32_t background : {96, 1072}) {
        setup.calibrated.background16 = background;
        std::vector<pixel> pixels(16, level);
        for (std::size_t i = 0; i < 16; i += 3) pixels[i] = static_cast<pixel>(level + i % 5);
        pixels[1] = static_cast<pixel>(level + background / 16);
        pixels[5] = static_cast<pixel>(level + background / 16 + 2);
        pixels[12] = 60'000;
        expect_equal_events(setup, pixels);
      }
    }
  }
}

TEST(narrow_noise, background_of_1200_adu_with_a_median_of_1150) {
  counting_setup setup = noisy_row(32);
  setup.calibrated.background16 = background_from_adu(1200);
  std::vector<pixel> pixels(32, 1150);
  pixels[4] = 2300;
  pixels[9] = 2351;
  pixels[20] = 2350;
  pixels[25] = 60'000;
  expect_equal_events(setup, pixels);
}

TEST(narrow_noise, rows_up_to_32768_pixels) {
  EXPECT_TRUE(row_sums_fit(32'768));
  EXPECT_FALSE(row_sums_fit(32'769));
  EXPECT_TRUE(gets<narrow_noise_form<pixel>>(noisy_row(32'768)));
  EXPECT_TRUE(gets<noise_form<pixel>>(noisy_row(32'769)));
}

TEST(narrow_noise, masked_pixels_are_above_all_charges_and_the_others_keep_their_dark) {
  counting_setup setup = noisy_row(4);
  setup.calibrated.dark16 = {16, 32, 48, 64};
  EXPECT_THAT(find_narrow_calibration(setup)->dark16, testing::ElementsAre(16, 32, 48, 64)) << "no mask";
  EXPECT_THAT(find_narrow_calibration(setup)->masked_pixels, testing::IsEmpty()) << "no mask";
  setup.calibrated.mask = {0, mask_given, 0, mask_hot};
  constexpr std::int16_t lowest = std::numeric_limits<std::int16_t>::min();
  EXPECT_THAT(find_narrow_calibration(setup)->masked_pixels, testing::ElementsAre(1, 1));
  EXPECT_THAT(find_narrow_calibration(setup)->dark16, testing::ElementsAre(16, lowest, 48, lowest));
  setup.calibrated.dark16.clear();
  EXPECT_THAT(find_narrow_calibration(setup)->dark16, testing::ElementsAre(0, lowest, 0, lowest)) << "no dark";
  setup.calibrated.mask.clear();
  EXPECT_THAT(find_narrow_calibration(setup)->dark16, testing::IsEmpty()) << "neither";
}

TEST(narrow_noise, not_with_a_gain_or_darks_below_0) {
  counting_setup setup = noisy_row(2);
  setup.calibrated.dark16 = {0, 0};
  EXPECT_TRUE(gets<narrow_noise_form<pixel>>(setup));
  setup.calibrated.dark16 = {0, -1};
  EXPECT_TRUE(gets<noise_form<pixel>>(setup));
  setup.calibrated.mask = {0, mask_hot};
  EXPECT_TRUE(gets<narrow_noise_form<pixel>>(setup)) << "the dark of a masked pixel is not used";
  setup.calibrated.mask.clear();
  setup.calibrated.dark16.clear();
  setup.calibrated.gain = {1, 1};
  EXPECT_TRUE(gets<noise_form<pixel>>(setup));
}

}  // namespace
}  // namespace countem::cpu
