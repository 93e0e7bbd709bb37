#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <countem/counting.hpp>
#include <countem/error.hpp>

namespace countem {

/// A small frame, a setup that fits it, and one call to count it.
template <class Pixel>
struct small_frame {
  small_frame(frame_shape shape, std::vector<Pixel> values) : pixels(std::move(values)) {
    setup.shape = shape;
    setup.type = std::is_same_v<Pixel, std::uint8_t>    ? pixel_type::u8
                 : std::is_same_v<Pixel, std::uint16_t> ? pixel_type::u16
                 : std::is_same_v<Pixel, std::uint32_t> ? pixel_type::u32
                                                        : pixel_type::f32;
    setup.calibrated.shape = shape;
    setup.calibrated.background16 = background_from_adu(3);
    view = contiguous_frame(setup.shape, setup.type, pixels.data());
  }

  event_batch count() const {
    event_batch out;
    reference::make_counter(setup)->count({&view, 1}, out);
    return out;
  }

  std::vector<Pixel> pixels;
  counting_setup setup;
  frame_view view;
};

/// The setup must be refused with a sentence that says why.
inline void expect_refused(const counting_setup& setup, const std::string& why) {
  try {
    (void)reference::make_counter(setup);
    FAIL() << "accepted; expected: " << why;
  } catch (const invalid_argument& refused) {
    EXPECT_THAT(refused.what(), testing::HasSubstr(why));
  }
}

}  // namespace countem
