#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <countem/types.hpp>

namespace countem::io {

/// Pixel types that files hold. Those that frames do not have are converted on reading to one that gives the same charges:
/// i8, i16, f16 -> f32    exact
/// i32, i64, f64 -> f32    whole numbers up to 2^24 exact; others rounded to 1/16 ADU, the unit of charge, up to 2^20 ADU;
///                         the nearest of f32 from 2^26 ADU on, where all charges are the same
/// u64 -> u32    exact below 2^32; others 2^32 - 1
/// A value between, whose charge f32 cannot hold, is refused, never cut.
enum class stored_type : std::uint8_t { u8, i8, u16, i16, u32, i32, u64, i64, f16, f32, f64 };

[[nodiscard]] std::size_t size_of(stored_type type);
[[nodiscard]] std::string_view to_string(stored_type type);
/// Nothing for names of no such type.
[[nodiscard]] std::optional<stored_type> stored_type_named(std::string_view name);
[[nodiscard]] pixel_type frame_type(stored_type type);
[[nodiscard]] stored_type stored_as(pixel_type type);

/// Whether the file's bytes are a frame's bytes, up to their order.
[[nodiscard]] inline bool is_frame_type(stored_type type) {
  return stored_as(frame_type(type)) == type;
}

/// An infinity where the number is beyond all floats: such a conversion is not defined in C++.
[[nodiscard]] float nearest_float(double value);

/// Reverses the bytes of each element in place.
void swap_bytes(std::byte* elements, std::size_t count, std::size_t element_bytes);

/// A pixel that no frame type holds.
struct unfit_pixel {
  std::size_t index = 0;
  std::string value;
};

/// Converts `count` pixels in native byte order to frame_type(type); returns the first that does not fit, if any.
/// `keep_fractions`: as in source_options.
[[nodiscard]] std::optional<unfit_pixel> convert_pixels(stored_type type, const std::byte* from, std::size_t count,
                                                        std::byte* to, bool keep_fractions = false);

/// "FILE: frame N, row R, column C is V (TYPE), which ... cannot hold" as a format_error.
[[noreturn]] void throw_unfit(const std::string& file, std::uint64_t frame, frame_shape shape, stored_type type,
                              const unfit_pixel& pixel);

}  // namespace countem::io
