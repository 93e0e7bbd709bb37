#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <countem/choices.hpp>

namespace countem {

/// Detector pixels of one frame; the linear index of a pixel is row * width + column.
struct frame_shape {
  std::uint32_t height = 0;  ///< rows
  std::uint32_t width = 0;   ///< columns

  /// Pixels per frame.
  [[nodiscard]] constexpr std::uint64_t pixels() const { return std::uint64_t{height} * width; }
  friend constexpr bool operator==(const frame_shape&, const frame_shape&) = default;
};

/// Linear indices are 32-bit: a frame holds at most this many pixels.
inline constexpr std::uint64_t max_pixels = 0xffff'ffffULL;

/// Scan positions and the frames recorded at each. Frame number = (row * width + column) * frames_per_position + repeat.
struct scan_shape {
  std::uint32_t height = 0;               ///< rows of scan positions
  std::uint32_t width = 0;                ///< scan positions per row
  std::uint32_t frames_per_position = 1;  ///< repeats, at least 1

  /// Scan positions.
  [[nodiscard]] constexpr std::uint64_t positions() const { return std::uint64_t{height} * width; }
  /// Frames of all positions.
  [[nodiscard]] constexpr std::uint64_t frames() const { return positions() * frames_per_position; }
  friend constexpr bool operator==(const scan_shape&, const scan_shape&) = default;
};

/// What a raw detector pixel is in memory (native byte order).
enum class pixel_type : std::uint8_t { u8, u16, u32, f32 };

/// Words and help of `pixel_type`.
template <>
struct choice_table<pixel_type> {
  /// What a value is called in a sentence.
  static constexpr std::string_view what = "pixel type";
  /// One entry per enumerator, in their order.
  static constexpr std::array<choice<pixel_type>, 4> entries{{{pixel_type::u8, "u8", "unsigned, 8 bits"},
                                                              {pixel_type::u16, "u16", "unsigned, 16 bits"},
                                                              {pixel_type::u32, "u32", "unsigned, 32 bits"},
                                                              {pixel_type::f32, "f32", "floating point, 32 bits"}}};
};

/// Bytes per pixel.
[[nodiscard]] constexpr std::size_t size_of(pixel_type type) {
  switch (type) {
    case pixel_type::u8: return 1;
    case pixel_type::u16: return 2;
    case pixel_type::u32:
    case pixel_type::f32: return 4;
  }
  return 0;
}

/// The word of a pixel type (countem/choices.hpp). @throws invalid_argument for a number that is no enumerator.
[[nodiscard]] constexpr std::string_view to_string(pixel_type type) {
  return word_of(type);
}

/// Where the work is done. `automatic` is cuda when a device answers, else cpu; frames are counted by both then.
enum class backend : std::uint8_t { automatic, reference, cpu, cuda };

/// Words and help of `backend`.
template <>
struct choice_table<backend> {
  /// What a value is called in a sentence.
  static constexpr std::string_view what = "backend";
  /// One entry per enumerator, in their order.
  static constexpr std::array<choice<backend>, 4> entries{
      {{backend::automatic, "automatic", "cuda where a device answers, beside cpu when frames are counted; else cpu"},
       {backend::reference, "reference", "the definition of every result, slow"},
       {backend::cpu, "cpu", "SIMD and threads"},
       {backend::cuda, "cuda", "NVIDIA devices"}}};
};

/// The word of a backend (countem/choices.hpp). @throws invalid_argument for a number that is no enumerator.
[[nodiscard]] constexpr std::string_view to_string(backend which) {
  return word_of(which);
}

}  // namespace countem
