#include "io/sources/pixel_conversion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <countem/error.hpp>

namespace countem::io {

namespace {

constexpr double exact_whole_numbers = 1 << 24;  // of f32
constexpr double exact_sixteenths = 1 << 20;     // of f32
/// All values from here on give the same charge, the largest.
constexpr double end_of_charges = 1 << 26;

bool convert(double value, float& to) {
  if (std::isnan(value) || std::isinf(value)) {
    to = static_cast<float>(value);
    return true;
  }
  if (std::abs(value) >= end_of_charges) {
    to = nearest_float(value);
    return true;
  }
  if (std::abs(value) > exact_sixteenths) {
    to = static_cast<float>(value);
    return std::abs(value) <= exact_whole_numbers && value == std::trunc(value);
  }
  to = static_cast<float>(std::nearbyint(value * 16) / 16);
  return true;
}

/// A double that is more than a charge: the nearest float, an infinity where the number is beyond all floats; never 0 where it
/// is not, since 0 has a meaning of its own in masks.
struct fraction {
  double value;
};

bool convert(fraction from, float& to) {
  to = nearest_float(from.value);
  if (to == 0 && from.value != 0) to = std::copysign(std::numeric_limits<float>::min(), static_cast<float>(from.value));
  return true;
}

bool convert(std::int64_t value, float& to) {
  constexpr auto end = static_cast<std::int64_t>(end_of_charges);
  to = static_cast<float>(value);
  if (value >= end || value <= -end) return true;
  return value <= static_cast<std::int64_t>(exact_whole_numbers) && value >= -static_cast<std::int64_t>(exact_whole_numbers);
}

bool convert(std::uint64_t value, std::uint32_t& to) {
  // Far beyond the charges.
  to = static_cast<std::uint32_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
  return true;
}

/// IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction; each of its values is a float.
float float_from_half(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const int fraction = half & 0x3ff;
  float magnitude = 0;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else {
    magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                              : std::ldexp(static_cast<float>(fraction | 0x400), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

void convert_halves(const std::byte* from, std::size_t count, std::byte* to) {
  for (std::size_t at = 0; at < count; ++at) {
    std::uint16_t half = 0;
    std::memcpy(&half, from + 2 * at, 2);
    const float value = float_from_half(half);
    std::memcpy(to + 4 * at, &value, 4);
  }
}

template <class Wide, class From, class To>
std::optional<unfit_pixel> convert_all(const std::byte* from, std::size_t count, std::byte* to) {
  for (std::size_t at = 0; at < count; ++at) {
    From value{};
    std::memcpy(&value, from + at * sizeof(From), sizeof(From));
    To converted{};
    if (!convert(Wide{value}, converted)) return unfit_pixel{at, fmt::format("{}", value)};
    std::memcpy(to + at * sizeof(To), &converted, sizeof(To));
  }
  return std::nullopt;
}

}  // namespace

float nearest_float(double value) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::abs(value) > most ? std::copysign(std::numeric_limits<double>::infinity(), value) : value);
}

std::size_t size_of(stored_type type) {
  switch (type) {
    case stored_type::u8:
    case stored_type::i8: return 1;
    case stored_type::u16:
    case stored_type::i16:
    case stored_type::f16: return 2;
    case stored_type::u32:
    case stored_type::i32:
    case stored_type::f32: return 4;
    case stored_type::u64:
    case stored_type::i64:
    case stored_type::f64: return 8;
  }
  return 0;
}

std::string_view to_string(stored_type type) {
  switch (type) {
    case stored_type::u8: return "u8";
    case stored_type::i8: return "i8";
    case stored_type::u16: return "u16";
    case stored_type::i16: return "i16";
    case stored_type::u32: return "u32";
    case stored_type::i32: return "i32";
    case stored_type::u64: return "u64";
    case stored_type::i64: return "i64";
    case stored_type::f16: return "f16";
    case stored_type::f32: return "f32";
    case stored_type::f64: return "f64";
  }
  return "?";
}

std::optional<stored_type> stored_type_named(std::string_view name) {
  using enum stored_type;
  for (const stored_type type : {u8, i8, u16, i16, u32, i32, u64, i64, f16, f32, f64}) {
    if (to_string(type) == name) return type;
  }
  return std::nullopt;
}

pixel_type frame_type(stored_type type) {
  switch (type) {
    case stored_type::u8: return pixel_type::u8;
    case stored_type::u16: return pixel_type::u16;
    case stored_type::u32:
    case stored_type::u64: return pixel_type::u32;
    default: return pixel_type::f32;
  }
}

stored_type stored_as(pixel_type type) {
  switch (type) {
    case pixel_type::u8: return stored_type::u8;
    case pixel_type::u16: return stored_type::u16;
    case pixel_type::u32: return stored_type::u32;
    case pixel_type::f32: return stored_type::f32;
  }
  return stored_type::u16;
}

void swap_bytes(std::byte* elements, std::size_t count, std::size_t element_bytes) {
  if (element_bytes == 1) return;
  for (std::size_t at = 0; at < count; ++at) std::reverse(elements + at * element_bytes, elements + (at + 1) * element_bytes);
}

std::optional<unfit_pixel> convert_pixels(stored_type type, const std::byte* from, std::size_t count, std::byte* to,
                                          bool keep_fractions) {
  switch (type) {
    case stored_type::i8: return convert_all<std::int64_t, std::int8_t, float>(from, count, to);
    case stored_type::i16: return convert_all<std::int64_t, std::int16_t, float>(from, count, to);
    case stored_type::i32: return convert_all<std::int64_t, std::int32_t, float>(from, count, to);
    case stored_type::i64: return convert_all<std::int64_t, std::int64_t, float>(from, count, to);
    case stored_type::u64: return convert_all<std::uint64_t, std::uint64_t, std::uint32_t>(from, count, to);
    case stored_type::f16: convert_halves(from, count, to); return std::nullopt;
    case stored_type::f64:
      return keep_fractions ? convert_all<fraction, double, float>(from, count, to)
                            : convert_all<double, double, float>(from, count, to);
    default: std::memcpy(to, from, count * size_of(type)); return std::nullopt;
  }
}

void throw_unfit(const std::string& file, std::uint64_t frame, frame_shape shape, stored_type type, const unfit_pixel& pixel) {
  throw format_error(
      fmt::format("{}: frame {}, row {}, column {} is {} ({}), which {} cannot hold: scale the data or store them as u32", file,
                  frame, pixel.index / shape.width, pixel.index % shape.width, pixel.value, to_string(type),
                  countem::to_string(frame_type(type))));
}

}  // namespace countem::io
