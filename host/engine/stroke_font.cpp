// Letters as pen strokes: any size, any direction, no font file.
#include "host/engine/stroke_font.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace countem::engine {

namespace {

/// A glyph on a grid: each stroke is a list of points, two characters a point (x, y; 0 to 9, then a to z). The baseline is y =
/// 4, the top of small letters 12 (c), that of capitals 16 (g). A stroke that begins with ~ is a smooth curve through its
/// points.
struct glyph {
  char32_t character;
  int width;
  std::string_view strokes;
};

constexpr std::array glyphs{
    glyph{U' ', 4, ""},
    glyph{U'A', 8, "044g84 2a6a"},
    glyph{U'B', 8, "040g4g ~4g6f7d6b4a 4a0a ~4a69877644 4404"},
    glyph{U'C', 8, "~8e6g4g1e0a16446486"},
    glyph{U'D', 8, "040g3g ~3g6f8c886534 3404"},
    glyph{U'E', 7, "7g0g0474 0a6a"},
    glyph{U'F', 7, "7g0g04 0a6a"},
    glyph{U'G', 8, "~8e6g4g1e0a16446486 868a5a"},
    glyph{U'H', 8, "040g 848g 0a8a"},
    glyph{U'I', 2, "141g"},
    glyph{U'J', 6, "6g67 ~67553415"},
    glyph{U'K', 8, "040g 8g09 3b84"},
    glyph{U'L', 7, "0g0474"},
    glyph{U'M', 10, "040g58aga4"},
    glyph{U'N', 8, "040g848g"},
    glyph{U'O', 8, "~4g7e8a7644160a1e4g"},
    glyph{U'P', 8, "040g4g ~4g7f8d7b4a 4a0a"},
    glyph{U'Q', 8, "~4g7e8a7644160a1e4g 5783"},
    glyph{U'R', 8, "040g4g ~4g7f8d7b4a 4a0a 4a84"},
    glyph{U'S', 8, "~8e6g3g1f0d1b4a798775542406"},
    glyph{U'T', 8, "0g8g 4g44"},
    glyph{U'U', 8, "0g08 ~0816447688 888g"},
    glyph{U'V', 8, "0g448g"},
    glyph{U'W', 12, "0g346d94cg"},
    glyph{U'X', 8, "048g 0g84"},
    glyph{U'Y', 8, "0g4a8g 4a44"},
    glyph{U'Z', 8, "0g8g0484"},
    glyph{U'a', 7, "~7a5c3c1b0815345476 7c74"},
    glyph{U'b', 7, "0g04 ~0a2c4c6b7865442406"},
    glyph{U'c', 7, "~7a6b4c3c1b081534546576"},
    glyph{U'd', 7, "7g74 ~7a5c3c1b0815345476"},
    glyph{U'e', 7, "0878 ~787a5c3c1b0815345475"},
    glyph{U'f', 5, "~5g4g3f2d 2d24 0c5c"},
    glyph{U'g', 7, "~7a5c3c1b0815345476 7c73 ~7361402001"},
    glyph{U'h', 7, "0g04 ~0a2c4c6b79 7974"},
    glyph{U'i', 2, "1c14 1f1g"},
    glyph{U'j', 4, "3c32 ~322010 3f3g"},
    glyph{U'k', 7, "0g04 6c08 2974"},
    glyph{U'l', 2, "1g14"},
    glyph{U'm', 10, "0c04 ~0a1b3c4b59 5954 ~5a6b8c9ba9 a9a4"},
    glyph{U'n', 7, "0c04 ~0a2c4c6b79 7974"},
    glyph{U'o', 8, "~4c7b88754415081b4c"},
    glyph{U'p', 7, "0c00 ~0a2c4c6b7865442406"},
    glyph{U'q', 7, "7c70 ~7a5c3c1b0815345476"},
    glyph{U'r', 5, "0c04 ~091b3c5c"},
    glyph{U's', 6, "~6b4c2c0a195766442405"},
    glyph{U't', 5, "2g26 ~263454 0c5c"},
    glyph{U'u', 7, "0c07 ~0715345476 7c74"},
    glyph{U'v', 8, "0c448c"},
    glyph{U'w', 10, "0c245b84ac"},
    glyph{U'x', 7, "047c 0c74"},
    glyph{U'y', 8, "0c44 8c20"},
    glyph{U'z', 7, "0c7c0474"},
    glyph{U'0', 8, "~4g7e8a7644160a1e4g"},
    glyph{U'1', 8, "1d4g44"},
    glyph{U'2', 8, "~0d1f3g5g7f8d7a 7a0484"},
    glyph{U'3', 8, "~0e2g5g7e7c5a3a ~3a5a798775542406"},
    glyph{U'4', 8, "646g0888"},
    glyph{U'5', 8, "7g1g0a ~0a2b5b7a8876542405"},
    glyph{U'6', 8, "~7f5g3g1e0a071534547588 ~887a5b3b1a08"},
    glyph{U'7', 8, "0g8g34"},
    glyph{U'8', 8, "~4g6f7d6b4a2b1d2f4g ~4a798775441507194a"},
    glyph{U'9', 8, "~153454768a8d7f5g3g1f0c ~0c1a39597a8c"},
    glyph{U'.', 2, "1415"},
    glyph{U',', 2, "1502"},
    glyph{U':', 2, "1415 1b1c"},
    glyph{U';', 2, "1502 1b1c"},
    glyph{U'-', 7, "0969"},
    glyph{U'\u2212', 8, "0a8a"},
    glyph{U'+', 8, "0a8a 464e"},
    glyph{U'=', 8, "0787 0c8c"},
    glyph{U'(', 4, "~3h1d0a1532"},
    glyph{U')', 4, "~0h2d3a2502"},
    glyph{U'[', 4, "3h0h0232"},
    glyph{U']', 4, "0h3h3202"},
    glyph{U'/', 6, "036h"},
    glyph{U'%', 10, "04ag ~2g4e2c0e2g ~88a6846688"},
    glyph{U'_', 8, "0282"},
    glyph{U'*', 6, "3e37 0d68 6d08"},
    glyph{U'\u00d7', 7, "157b 1b75"},
    glyph{U'<', 7, "7d0974"},
    glyph{U'>', 7, "0d7904"},
    glyph{U'\'', 2, "1g1d"},
    glyph{U'\u00b0', 5, "~2g4e2c0e2g"},
    glyph{U'\u00b5', 7, "0c00 ~0715345476 7c74"},
    glyph{U'@', 10, "~7b5c3b39485768 7b67 ~67849699ad7g3g0d07143474"},
};
constexpr glyph box{0, 7, "04740g 7g740g7g"};
constexpr double capital = 12;  ///< grid steps from the baseline to the top of a capital letter
constexpr int baseline = 4;
constexpr int space_between = 3;
constexpr int steps_of_a_curve = 6;

struct point {
  double x;
  double y;
};

const glyph& glyph_of(char32_t character) {
  const auto* const found =
      std::find_if(glyphs.begin(), glyphs.end(), [&](const glyph& g) { return g.character == character; });
  return found == glyphs.end() ? box : *found;
}

/// Code points of UTF-8 text; bytes that are no UTF-8 become boxes.
std::vector<char32_t> characters(std::string_view utf8) {
  std::vector<char32_t> out;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const std::size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    char32_t code = length == 1 ? (first < 0x80 ? first : 0U) : first & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < utf8.size(); ++k)
      code = code << 6U | (static_cast<unsigned char>(utf8[i + k]) & 0x3fU);
    out.push_back(code);
    i += length;
  }
  return out;
}

int digit(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

/// The strokes of a glyph as chains of points, curves cut into short lines.
std::vector<std::vector<point>> chains_of(std::string_view strokes) {
  std::vector<std::vector<point>> chains;
  while (!strokes.empty()) {
    const std::size_t end = std::min(strokes.find(' '), strokes.size());
    std::string_view one = strokes.substr(0, end);
    strokes.remove_prefix(std::min(end + 1, strokes.size()));
    const bool smooth = one.starts_with('~');
    if (smooth) one.remove_prefix(1);
    std::vector<point> points;
    for (std::size_t i = 0; i + 1 < one.size(); i += 2)
      points.push_back({static_cast<double>(digit(one[i])), static_cast<double>(digit(one[i + 1]) - baseline)});
    if (!smooth) {
      chains.push_back(std::move(points));
      continue;
    }
    // Catmull and Rom's curve; a closed one continues over its end.
    const std::size_t n = points.size();
    const bool closed = points.front().x == points.back().x && points.front().y == points.back().y;
    std::vector<point> curve{points.front()};
    for (std::size_t i = 0; i + 1 < n; ++i) {
      const point& a = i > 0 ? points[i - 1] : closed ? points[n - 2] : points[0];
      const point& b = points[i];
      const point& c = points[i + 1];
      const point& d = i + 2 < n ? points[i + 2] : closed ? points[1] : points[n - 1];
      for (int step = 1; step <= steps_of_a_curve; ++step) {
        const double t = static_cast<double>(step) / steps_of_a_curve;
        const auto at = [t](double p, double q, double r, double s) {
          return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t * t + (3 * q - p - 3 * r + s) * t * t * t);
        };
        curve.push_back({at(a.x, b.x, c.x, d.x), at(a.y, b.y, c.y, d.y)});
      }
    }
    chains.push_back(std::move(curve));
  }
  return chains;
}

}  // namespace

ink::ink(std::uint32_t height, std::uint32_t width) : height_(height), width_(width), coverage_(std::size_t{height} * width) {}

void ink::line(double x0, double y0, double x1, double y1, double thickness) {
  const double reach = thickness / 2 + 0.5;
  const auto clamped = [](double v, std::uint32_t end) {
    return static_cast<std::uint32_t>(std::clamp(v, 0.0, static_cast<double>(end)));
  };
  const std::uint32_t top = clamped(std::floor(std::min(y0, y1) - reach), height_);
  const std::uint32_t bottom = clamped(std::ceil(std::max(y0, y1) + reach), height_);
  const std::uint32_t left = clamped(std::floor(std::min(x0, x1) - reach), width_);
  const std::uint32_t right = clamped(std::ceil(std::max(x0, x1) + reach), width_);
  const double square = (x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0);
  for (std::uint32_t row = top; row < bottom; ++row) {
    for (std::uint32_t column = left; column < right; ++column) {
      const double x = column + 0.5 - x0;
      const double y = row + 0.5 - y0;
      const double along = square > 0 ? std::clamp((x * (x1 - x0) + y * (y1 - y0)) / square, 0.0, 1.0) : 0;
      const double distance = std::hypot(x - along * (x1 - x0), y - along * (y1 - y0));
      float& here = coverage_[std::size_t{row} * width_ + column];
      here = std::max(here, static_cast<float>(std::clamp(reach - distance, 0.0, 1.0)));
    }
  }
}

void ink::text(std::string_view utf8, const text_place& place) {
  const double scale = place.height / capital;
  const double length = text_width(utf8, place.height);
  double along = place.at == anchor::left ? 0 : place.at == anchor::middle ? -length / 2 : -length;
  for (const char32_t character : characters(utf8)) {
    const glyph& drawn = glyph_of(character);
    for (const auto& chain : chains_of(drawn.strokes)) {
      for (std::size_t i = 0; i + 1 < std::max<std::size_t>(chain.size(), 2) && !chain.empty(); ++i) {
        const auto placed = [&](const point& p) {
          const double u = along + p.x * scale;
          const double v = p.y * scale;
          return place.upwards ? point{place.x - v, place.y - u} : point{place.x + u, place.y - v};
        };
        const point from = placed(chain[i]);
        const point to = placed(chain[std::min(i + 1, chain.size() - 1)]);
        line(from.x, from.y, to.x, to.y, place.thickness);
      }
    }
    along += (drawn.width + space_between) * scale;
  }
}

void ink::onto(picture& drawn, const rgb& colour) const {
  for (std::size_t pixel = 0; pixel < coverage_.size(); ++pixel) {
    if (coverage_[pixel] <= 0) continue;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      std::uint8_t& level = drawn.pixels[3 * pixel + channel];
      level = static_cast<std::uint8_t>(std::lround(level + (colour[channel] - level) * static_cast<double>(coverage_[pixel])));
    }
  }
}

double text_width(std::string_view utf8, double height) {
  int width = 0;
  for (const char32_t character : characters(utf8)) width += glyph_of(character).width + space_between;
  return std::max(0, width - space_between) * height / capital;
}

}  // namespace countem::engine
