#include "host/engine/flat_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <countem/error.hpp>

namespace countem::engine {

namespace {

/// Gains are factors near 1.
constexpr float least_gain = 1e-3F;
constexpr float most_gain = 1e3F;
/// Weights may be of either sign, and fade to nothing. Of two in the other byte order one is beyond all of this.
constexpr float least_weight = 1e-30F;  // of the largest
constexpr float most_weight = 1e20F;
/// Whole numbers of 32 bits that a camera or a counter has.
constexpr std::int64_t most_whole = std::int64_t{1} << 24;

std::vector<std::byte> bytes_of(const frame_source& image) {
  frame_batch batch;
  image.read(0, 1, batch);
  const frame_view& frame = batch.frames.front();
  const std::size_t row_bytes = frame.shape.width * size_of(frame.type);
  std::vector<std::byte> bytes(frame.shape.height * row_bytes);
  for (std::uint32_t row = 0; row < frame.shape.height; ++row) {
    if (const std::byte* const pixels = frame.row(row)) std::memcpy(bytes.data() + row * row_bytes, pixels, row_bytes);
  }
  return bytes;
}

/// Letters, digits and blanks, with one byte in ten of letters beyond ASCII at most.
bool is_text(const std::vector<std::byte>& bytes) {
  std::size_t others = 0;
  for (const std::byte byte : bytes) {
    const auto letter = std::to_integer<unsigned>(byte);
    const bool is_blank = letter == '\t' || letter == '\n' || letter == '\r';
    if (letter < ' ' && !is_blank) return false;
    if (letter > '~') ++others;
  }
  return others * 10 <= bytes.size();
}

template <class Number>
std::vector<Number> numbers_in(const std::vector<std::byte>& bytes, bool swapped) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  for (std::size_t at = 0; at < numbers.size(); ++at) {
    std::array<std::byte, sizeof(Number)> one{};
    std::memcpy(one.data(), bytes.data() + at * sizeof(Number), sizeof(Number));
    if (swapped) std::reverse(one.begin(), one.end());
    std::memcpy(&numbers[at], one.data(), sizeof(Number));
  }
  return numbers;
}

/// In the order of the absolute values, infinities and NaN last. Whole numbers, because a library that HDF5 loads may have set
/// the processor to take the smallest numbers for 0.
constexpr std::uint32_t magnitude(float value) {
  return std::bit_cast<std::uint32_t>(value) & 0x7fff'ffffU;
}

constexpr std::uint32_t infinite = magnitude(std::numeric_limits<float>::infinity());

/// Why the values are no gains; empty where they can be.
std::string fault_of_gains(const std::vector<float>& values) {
  std::size_t masked = 0;
  std::size_t beyond = 0;
  float one = 0;
  for (const float value : values) {
    const std::uint32_t size = magnitude(value);
    if (size == 0 || size >= infinite || std::signbit(value)) {
      ++masked;
    } else if (size < magnitude(least_gain) || size > magnitude(most_gain)) {
      ++beyond;
      one = value;
    }
  }
  if (beyond > 0) {
    return fmt::format("{} of {} values are no gains, which are 0 for a dead pixel or {} to {}; one is {:.3g}", beyond,
                       values.size(), least_gain, most_gain, one);
  }
  if (masked * 10 > values.size()) {
    return fmt::format("{} of {} values, more than a tenth, are no numbers above 0 and would mask their pixels", masked,
                       values.size());
  }
  return {};
}

std::string fault_of_weights(const std::vector<float>& values) {
  std::size_t beyond = 0;
  std::uint32_t largest = 0;
  for (const float value : values) {
    if (magnitude(value) > magnitude(most_weight)) {
      ++beyond;
    } else {
      largest = std::max(largest, magnitude(value));
    }
  }
  if (beyond * 100 > values.size())
    return fmt::format("{} of {} values are beyond {} or not finite", beyond, values.size(), most_weight);
  if (largest != 0 && largest < magnitude(least_weight))
    return fmt::format("its largest value is {:.3g}", std::bit_cast<float>(largest));
  return {};
}

std::string fault_of_factors(const std::vector<float>& values, image_role role) {
  return role == image_role::gain ? fault_of_gains(values) : fault_of_weights(values);
}

std::string fault_of_mask(const std::vector<std::byte>& bytes) {
  std::array<bool, 256> seen{};
  for (const std::byte byte : bytes) seen[std::to_integer<std::size_t>(byte)] = true;
  const auto different = std::count(seen.begin(), seen.end(), true);
  return different <= 2 ? std::string() : fmt::format("its bytes have {} different values, where a mask has two", different);
}

/// What the bytes would be plausible as, where they are not as f32.
std::string other_kind_of(const std::vector<std::byte>& bytes, image_role role) {
  if (is_text(bytes)) return "text";
  if (flat_type(role) == pixel_type::f32) {
    const std::vector<float> swapped = numbers_in<float>(bytes, true);
    if (fault_of_factors(swapped, role).empty()) {
      float least = most_weight;
      float most = -most_weight;
      for (const float value : swapped) {
        if (magnitude(value) == 0 || magnitude(value) >= infinite) continue;
        least = std::min(least, value);
        most = std::max(most, value);
      }
      return fmt::format("big-endian f32 ({:.4g} to {:.4g})", least, most);
    }
    for (const bool big_endian : {false, true}) {
      const std::vector<std::int32_t> whole = numbers_in<std::int32_t>(bytes, big_endian);
      const auto [least, most] = std::minmax_element(whole.begin(), whole.end());
      if (*least > -most_whole && *most < most_whole)
        return fmt::format("whole numbers of 32 bits{} ({} to {})", big_endian ? ", big-endian" : "", *least, *most);
    }
  }
  return "pixels of another type";
}

}  // namespace

void check_flat_image(const frame_source& image, const std::filesystem::path& path, image_role role) {
  const std::vector<std::byte> bytes = bytes_of(image);
  const bool is_real = flat_type(role) == pixel_type::f32;
  std::string fault;
  if (is_real) fault = fault_of_factors(numbers_in<float>(bytes, false), role);
  if (role == image_role::mask) fault = fault_of_mask(bytes);
  if (fault.empty() && is_text(bytes)) fault = "all its bytes are letters";
  if (fault.empty()) return;
  throw format_error(
      fmt::format("{}: cannot be the {} when it is read as flat {}: {}; it seems to hold {}: save the image as .npy, "
                  "which states the type of its pixels",
                  path.string(), choice_of(role).help, to_string(flat_type(role)), fault, other_kind_of(bytes, role)));
}

}  // namespace countem::engine
