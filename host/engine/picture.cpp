#include "host/engine/picture.hpp"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <numbers>
#include <string>
#include <string_view>

#include <countem/error.hpp>
#include <countem/scan_pictures.hpp>

#include "io/files/file.hpp"
#include "io/files/output_file.hpp"

namespace countem {

namespace {

/// Björn Ottosson's Oklab, in its polar form: lightness, chroma, hue (radians).
struct oklch {
  double lightness;
  double chroma;
  double hue;
};

std::array<double, 3> linear_rgb(const oklch& colour) {
  const double a = colour.chroma * std::cos(colour.hue);
  const double b = colour.chroma * std::sin(colour.hue);
  const auto cube = [](double x) { return x * x * x; };
  const double l = cube(colour.lightness + 0.3963377774 * a + 0.2158037573 * b);
  const double m = cube(colour.lightness - 0.1055613458 * a - 0.0638541728 * b);
  const double s = cube(colour.lightness - 0.0894841775 * a - 1.2914855480 * b);
  return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

bool displayable(const oklch& colour) {
  const auto channels = linear_rgb(colour);
  return std::all_of(channels.begin(), channels.end(), [](double c) { return c >= 0 && c <= 1; });
}

/// The colour with as much of its chroma as a screen can show.
rgb to_rgb(oklch colour) {
  if (!displayable(colour)) {
    double shown = 0;
    double too_much = colour.chroma;
    for (int step = 0; step < 20; ++step) {
      colour.chroma = (shown + too_much) / 2;
      (displayable(colour) ? shown : too_much) = colour.chroma;
    }
    colour.chroma = shown;
  }
  rgb out{};
  const auto channels = linear_rgb(colour);
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = std::clamp(channels[i], 0.0, 1.0);
    const double encoded = c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055;
    out[i] = static_cast<std::uint8_t>(std::lround(255 * encoded));
  }
  return out;
}

/// Lightness rises evenly while the hue walks from violet-blue over green to yellow.
oklch perceptual(double t) {
  constexpr double degree = std::numbers::pi / 180;
  const double hue = (300 - 195 * std::pow(t, 1.15)) * degree;
  const double chroma = 0.10 + 0.09 * t;
  return {0.16 + 0.76 * t, chroma, hue};
}

/// `side` from -1 to 1: both ends are equally dark and full, the middle is almost white.
oklch diverging(double side) {
  constexpr double degree = std::numbers::pi / 180;
  const double strength = std::abs(side);
  return {0.97 - 0.55 * strength, 0.19 * std::pow(strength, 0.8), (side < 0 ? 255 : 29) * degree};
}

std::array<rgb, 256> table_of(colour_map map) {
  std::array<rgb, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = colour_of(map, static_cast<double>(i) / 255);
  return table;
}

double smallest_positive(const std::vector<double>& values) {
  double smallest = 0;
  for (const double v : values) {
    if (v > 0 && (smallest == 0 || v < smallest)) smallest = v;
  }
  return smallest > 0 ? smallest : 1;
}

double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto last = static_cast<double>(values.size() - 1);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::lround(std::clamp(share, 0.0, 1.0) * last));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

void check_size(std::size_t values, std::uint32_t height, std::uint32_t width) {
  if (height == 0 || width == 0 || values != std::size_t{height} * width) {
    throw invalid_argument("a picture of " + std::to_string(height) + " x " + std::to_string(width) +
                           " pixels cannot be drawn from " + std::to_string(values) + " values");
  }
}

extern "C" void append_png_bytes(png_structp png, png_bytep data, png_size_t size) {
  auto& out = *static_cast<std::vector<std::byte>*>(png_get_io_ptr(png));
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

extern "C" void flush_nothing(png_structp) {}

extern "C" void leave_encoding(png_structp png, png_const_charp) {
  png_longjmp(png, 1);
}

extern "C" void drop_warning(png_structp, png_const_charp) {}

}  // namespace

value_scale::value_scale(std::span<const double> values, const picture_options& options)
    : logarithmic_(options.logarithmic && options.map != colour_map::diverging) {
  std::vector<double> finite;
  finite.reserve(values.size());
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](double v) { return std::isfinite(v); });
  if (options.map == colour_map::diverging) {
    for (double& value : finite) value = std::abs(value);
    high_ = options.high ? *options.high : quantile(finite, 1 - options.high_share);
    low_ = -high_;
    symmetric_ = true;
    return;
  }
  if (logarithmic_) unit_ = smallest_positive(finite);
  low_ = curve(options.low ? *options.low : quantile(finite, options.low_share));
  high_ = curve(options.high ? *options.high : quantile(finite, 1 - options.high_share));
}

double value_scale::position(double value) const {
  if (!(high_ > low_)) return symmetric_ ? 0.5 : 0;
  return std::clamp((curve(value) - low_) / (high_ - low_), 0.0, 1.0);
}

double value_scale::value_at(double position) const {
  const double at = low_ + position * (high_ - low_);
  return logarithmic_ ? unit_ * std::expm1(at) : at;
}

double value_scale::curve(double value) const {
  return logarithmic_ ? std::log1p(std::max(value, 0.0) / unit_) : value;
}

colour_map colour_map_from(std::string_view name) {
  if (name == "gray") return colour_map::gray;
  if (name == "perceptual") return colour_map::perceptual;
  if (name == "diverging") return colour_map::diverging;
  throw invalid_argument("unknown colour map '" + std::string(name) + "': known are gray, perceptual and diverging");
}

rgb colour_of(colour_map map, double position) {
  const double t = std::clamp(position, 0.0, 1.0);
  if (map == colour_map::perceptual) return to_rgb(perceptual(t));
  if (map == colour_map::diverging) return to_rgb(diverging(2 * t - 1));
  const auto level = static_cast<std::uint8_t>(std::lround(255 * t));
  return {level, level, level};
}

rgb direction_colour(double angle, double strength) {
  const double s = std::clamp(strength, 0.0, 1.0);
  return to_rgb({0.12 + 0.63 * s, 0.13 * s, angle});
}

picture draw(std::span<const double> values, std::uint32_t height, std::uint32_t width, const picture_options& options) {
  check_size(values.size(), height, width);
  const value_scale scaled(values, options);
  const auto table = table_of(options.map);
  picture drawn{height, width, options.map == colour_map::gray ? 1U : 3U, {}};
  drawn.pixels.reserve(values.size() * drawn.channels);
  for (const double value : values) {
    const rgb missing = options.map == colour_map::gray ? rgb{} : no_value_colour;
    const rgb colour =
        std::isfinite(value) ? table[static_cast<std::size_t>(std::lround(255 * scaled.position(value)))] : missing;
    drawn.pixels.insert(drawn.pixels.end(), colour.begin(), colour.begin() + drawn.channels);
  }
  return drawn;
}

picture draw_directions(std::span<const double> rows, std::span<const double> columns, std::uint32_t height,
                        std::uint32_t width, double high_share) {
  check_size(rows.size(), height, width);
  check_size(columns.size(), height, width);
  std::vector<double> lengths(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) lengths[i] = std::hypot(rows[i], columns[i]);
  picture_options from_zero;
  from_zero.low = 0;
  from_zero.high_share = high_share;
  const value_scale scaled(lengths, from_zero);
  picture drawn{height, width, 3, {}};
  drawn.pixels.reserve(rows.size() * 3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const rgb colour = std::isfinite(lengths[i])
                           ? direction_colour(std::atan2(-rows[i], columns[i]), scaled.position(lengths[i]))
                           : no_value_colour;
    drawn.pixels.insert(drawn.pixels.end(), colour.begin(), colour.end());
  }
  return drawn;
}

namespace {

constexpr const char* own_key = "Software";
constexpr const char* own_text = "countem";

/// Whole, and of this program by its own statement.
bool is_own_png(const std::filesystem::path& path) try {
  constexpr std::size_t header_bytes = 256;
  constexpr std::string_view last_chunk("\0\0\0\0IEND\xae\x42\x60\x82", 12);
  const std::string start = io::first_bytes(path, header_bytes);
  return start.starts_with("\x89PNG") && start.find(std::string("tEXt") + own_key + '\0' + own_text) != std::string::npos &&
         io::last_bytes(path, last_chunk.size()) == last_chunk;
} catch (const format_error&) {
  return false;
}

}  // namespace

std::vector<std::byte> encode_png(const picture& drawn) {
  check_size(drawn.pixels.size() / drawn.channels, drawn.height, drawn.width);
  // libpng reports errors by longjmp: everything with a destructor lives outside the protected part.
  std::vector<std::byte> out;
  png_text text{};
  text.compression = PNG_TEXT_COMPRESSION_NONE;
  text.key = const_cast<char*>(own_key);  // libpng only reads them
  text.text = const_cast<char*>(own_text);
  text.text_length = std::char_traits<char>::length(own_text);
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, leave_encoding, drop_warning);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info == nullptr || setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_write_struct(&png, &info);
    throw io_error("libpng could not encode a picture of " + std::to_string(drawn.height) + " x " +
                   std::to_string(drawn.width) + " pixels");
  }
  png_set_write_fn(png, &out, append_png_bytes, flush_nothing);
  png_set_IHDR(png, info, drawn.width, drawn.height, 8, drawn.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_text(png, info, &text, 1);
  png_write_info(png, info);
  const std::size_t row_bytes = std::size_t{drawn.width} * drawn.channels;
  for (std::uint32_t row = 0; row < drawn.height; ++row) png_write_row(png, drawn.pixels.data() + row * row_bytes);
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

void write_png(const std::filesystem::path& path, const picture& drawn, const output_rules& rules) {
  const std::vector<std::byte> bytes = encode_png(drawn);
  io::output_file output(path, png_output, rules);
  output.file().write_at(0, bytes.data(), bytes.size());
  output.finish();
}

const output_kind png_output{"a picture of countem", is_own_png};

}  // namespace countem
