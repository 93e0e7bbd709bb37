#include <countem/dose.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include <countem/error.hpp>

namespace {

using namespace countem;

TEST(dose, follows_from_events_step_and_dwell_time) {
  // 9000 events of 100 frames, .9 per electron: 100 electrons per frame, 1 % known. 10 us: 10 electrons per us, 1.602 pA.
  const electron_dose dose = dose_of(9000, 100, 2, {0.9, 10, 0.5});
  EXPECT_DOUBLE_EQ(dose.electrons_per_frame, 100);
  EXPECT_DOUBLE_EQ(dose.electrons_per_frame_error, 100 / std::sqrt(9000));
  EXPECT_DOUBLE_EQ(dose.current_pa.value(), 1.602176634);
  // Two frames at each position of 5 x 5 angstroms.
  EXPECT_DOUBLE_EQ(dose.per_square_angstrom.value(), 8);
}

TEST(dose, is_not_made_up) {
  const electron_dose dose = dose_of(50, 10, 1, {});
  EXPECT_DOUBLE_EQ(dose.electrons_per_frame, 5);
  EXPECT_FALSE(dose.current_pa.has_value());
  EXPECT_FALSE(dose.per_square_angstrom.has_value());
  EXPECT_EQ(dose_of(0, 0, 1, {0, 1, 1}).current_pa.value(), 0);
  EXPECT_FALSE(dose_conditions{}.is_given());
  EXPECT_TRUE((dose_conditions{0, 11, 0}).is_given());
}

TEST(dose, refuses_what_is_no_condition) {
  EXPECT_THROW(static_cast<void>(dose_of(1, 1, 1, {-0.5, 0, 0})), invalid_argument);
  EXPECT_THROW(static_cast<void>(dose_of(1, 1, 1, {0, std::nan(""), 0})), invalid_argument);
  EXPECT_THROW(static_cast<void>(dose_of(1, 1, 1, {0, 0, INFINITY})), invalid_argument);
}

}  // namespace
