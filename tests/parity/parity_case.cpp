#include "tests/parity/parity_case.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>

namespace countem::parity {

namespace {

using generator = std::mt19937_64;

std::uint64_t below(generator& random, std::uint64_t limit) {
  return random() % limit;
}
bool one_in(generator& random, std::uint64_t n) {
  return below(random, n) == 0;
}
double unit(generator& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

template <class T>
T any_of(generator& random, std::initializer_list<T> choices) {
  return choices.begin()[below(random, choices.size())];
}

std::uint32_t draw_length(generator& random) {
  switch (below(random, 5)) {
    case 0: return 1 + static_cast<std::uint32_t>(below(random, 9));
    case 1:
      return any_of<std::uint32_t>(random, {1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 71, 72, 73, 127, 128, 129, 191, 192, 193});
    default: return 1 + static_cast<std::uint32_t>(below(random, 90));
  }
}

/// Raw values in ADU, before they are cut to the pixel type.
using image = std::vector<double>;

/// Where the hits of the hand-made shapes are; the threshold lies between `quiet` and `lit`.
constexpr double quiet = 20;
constexpr double lit = 60;

void add_clouds(generator& random, frame_shape shape, double occupancy, image& pixels) {
  const auto clouds = static_cast<std::uint64_t>(occupancy * static_cast<double>(shape.pixels()) + unit(random));
  for (std::uint64_t i = 0; i < clouds; ++i) {
    const auto row = static_cast<std::int64_t>(below(random, shape.height));
    const auto column = static_cast<std::int64_t>(below(random, shape.width));
    const double charge = 10 + 60 * unit(random);
    const std::int64_t reach = one_in(random, 20) ? 5 : 1;
    for (std::int64_t r = row - reach; r <= row + reach; ++r) {
      for (std::int64_t c = column - reach; c <= column + reach; ++c) {
        if (r < 0 || c < 0 || r >= shape.height || c >= shape.width) continue;
        pixels[static_cast<std::size_t>(r * shape.width + c)] += charge * unit(random) * unit(random);
      }
    }
  }
}

bool lit_in_spiral(frame_shape shape, std::uint32_t row, std::uint32_t column) {
  // Rings of one pixel, two apart, each opened and joined to the next one by a step on its left side.
  const std::uint32_t ring = std::min({row, column, shape.height - 1 - row, shape.width - 1 - column});
  const std::uint32_t opening = ring - ring % 2 + 1;
  if (column == ring && row == opening) return ring % 2 == 1;
  return ring % 2 == 0;
}

image draw_image(generator& random, frame_shape shape, content kind, double occupancy) {
  image pixels(shape.pixels());
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) {
      double& pixel = pixels[std::size_t{row} * shape.width + column];
      const auto shade = [&](bool on) { return (on ? lit : quiet) + 8 * unit(random); };
      switch (kind) {
        case content::clouds: pixel = quiet + 12 * (unit(random) + unit(random) + unit(random) - 1.5); break;
        case content::scattered: pixel = shade(unit(random) < occupancy); break;
        case content::full: pixel = shade(true); break;
        case content::flat: pixel = any_of<double>(random, {20, 20, 33, 34, 60, 61}); break;
        case content::extreme:
          pixel = any_of<double>(random, {0,
                                          1,
                                          34,
                                          255,
                                          254,
                                          65535,
                                          65534,
                                          2147483647,
                                          2147483648,
                                          4294967295,
                                          67108864,
                                          67108863.5,
                                          std::numeric_limits<double>::infinity(),
                                          -std::numeric_limits<double>::infinity(),
                                          std::numeric_limits<double>::quiet_NaN(),
                                          -0.0,
                                          2.03125,
                                          -7,
                                          1e-30,
                                          1e30,
                                          -1e30});
          break;
        case content::spiral: pixel = shade(lit_in_spiral(shape, row, column)); break;
        case content::comb: pixel = shade(row + 1 == shape.height || column % 2 == 0); break;
        case content::stripes: pixel = shade(column % 2 == 0); break;
        case content::count_: break;
      }
    }
  }
  if (kind == content::clouds) add_clouds(random, shape, occupancy, pixels);
  return pixels;
}

template <class Pixel>
void store(double value, std::byte* out) {
  Pixel pixel{};
  if constexpr (std::is_integral_v<Pixel>) {
    const double most = static_cast<double>(std::numeric_limits<Pixel>::max());
    pixel = std::isnan(value) ? Pixel{} : static_cast<Pixel>(std::clamp(value, 0.0, most));
  } else {
    pixel = static_cast<Pixel>(value);
  }
  std::memcpy(out, &pixel, sizeof pixel);
}

void store(pixel_type type, double value, std::byte* out) {
  switch (type) {
    case pixel_type::u8: return store<std::uint8_t>(value, out);
    case pixel_type::u16: return store<std::uint16_t>(value, out);
    case pixel_type::u32: return store<std::uint32_t>(value, out);
    case pixel_type::f32: return store<float>(value, out);
  }
}

/// Lays a frame out in memory: bands apart from each other, each at an address that is a multiple of the pixel's size only.
void add_frame(generator& random, parity_case& drawn, const image& pixels, sector_split split, std::uint8_t present) {
  const auto [shape, type, calibrated, options] = drawn.setup;
  frame_view view;
  view.shape = shape;
  view.type = type;
  view.split = split;
  view.present = present;
  view.truncated = one_in(random, 8);
  view.band_count = shape.height % 4 == 0 && (split == sector_split::rows ? !one_in(random, 4) : one_in(random, 4)) ? 4 : 1;
  const std::size_t band_pixels = shape.pixels() / view.band_count;
  for (std::uint32_t band = 0; band < view.band_count; ++band) {
    const bool missing = present == 0 || (split == sector_split::rows && view.band_count == 4 && ((present >> band) & 1U) == 0);
    if (missing) continue;
    const std::size_t offset = below(random, 64 / size_of(type)) * size_of(type);
    // Exactly as long as the band: reading on is an error that the address sanitizer sees.
    drawn.storage.emplace_back(offset + band_pixels * size_of(type));
    std::byte* start = drawn.storage.back().data() + offset;
    view.bands[band] = start;
    for (std::size_t i = 0; i < band_pixels; ++i) store(type, pixels[band * band_pixels + i], start + i * size_of(type));
  }
  drawn.frames.push_back(view);
}

calibration draw_calibration(generator& random, frame_shape shape) {
  calibration drawn;
  drawn.background16 = static_cast<std::int32_t>(any_of<int>(random, {0, 100, 500, 544, 560, 560, 700}));
  drawn.xray16 =
      any_of<std::int32_t>(random, {no_xray_threshold, no_xray_threshold, drawn.background16 + 1, 900, 1200, 1 << 20});
  drawn.xray16 = std::max(drawn.xray16, drawn.background16 + 1);
  const std::size_t pixels = shape.pixels();
  const auto use = [&](auto& plane) {
    drawn.shape = shape;
    plane.resize(pixels);
  };
  if (one_in(random, 2)) {
    use(drawn.dark16);
    const int kind = static_cast<int>(below(random, 6));
    for (std::int32_t& dark : drawn.dark16) {
      dark = static_cast<std::int32_t>(below(random, 200));
      if (kind == 0) dark -= 900;  // raw = 0 is a hit
      if (kind == 1) dark = any_of<std::int32_t>(random, {0, 320, charge_limit, -charge_limit, 65535 * 16, 70000 * 16, 320});
    }
  }
  if (one_in(random, 4)) {
    use(drawn.gain);
    for (float& gain : drawn.gain) {
      gain = 0.7F + 0.6F * static_cast<float>(unit(random));
      if (one_in(random, 40)) {
        gain = any_of<float>(random, {0.0F, -0.0F, -1.0F, 1e30F, 1e-30F, 1e-45F, std::numeric_limits<float>::infinity(),
                                      std::numeric_limits<float>::quiet_NaN(), 1.0F, 0.5F});
      }
    }
  }
  if (one_in(random, 4)) {
    use(drawn.mask);
    const std::uint64_t rarity = 1 + below(random, 60);
    for (std::uint8_t& mask : drawn.mask) mask = one_in(random, rarity) ? std::uint8_t{mask_hot} : std::uint8_t{0};
  }
  if (one_in(random, 4)) {
    use(drawn.pixel_background16);
    for (std::int32_t& background : drawn.pixel_background16) {
      background = static_cast<std::int32_t>(480 + below(random, 160));
      if (one_in(random, 50))
        background =
            any_of<std::int32_t>(random, {0, charge_limit, charge_limit - 1, std::numeric_limits<std::int32_t>::max()});
    }
  }
  return drawn;
}

counting_options draw_options(generator& random) {
  counting_options options;
  options.method = any_of(random, {counting_method::cluster, counting_method::cluster, counting_method::peaks,
                                   counting_method::peaks, counting_method::maximum, counting_method::pixels});
  options.row_noise =
      any_of(random, {row_noise_method::none, row_noise_method::none, row_noise_method::mean, row_noise_method::median});
  if (options.row_noise == row_noise_method::none && one_in(random, 4)) options.background = background_method::frame;
  options.values = any_of(random, {event_value::none, event_value::charge, event_value::size});
  if (options.method == counting_method::cluster) {
    if (one_in(random, 4)) options.min_cluster_size = 1 + static_cast<std::uint32_t>(below(random, 4));
    if (one_in(random, 4)) options.max_cluster_size = options.min_cluster_size + static_cast<std::uint32_t>(below(random, 6));
  }
  const bool has_places = options.method == counting_method::cluster || options.method == counting_method::peaks;
  if (has_places && one_in(random, 4)) options.upsample = any_of<std::uint32_t>(random, {2, 3, 4, 7, 16, 64});
  return options;
}

/// Numbers of events, with what rounds and what is none among them.
image draw_counts(generator& random, frame_shape shape, double occupancy) {
  image pixels(shape.pixels());
  for (double& pixel : pixels) {
    if (unit(random) >= occupancy) continue;
    pixel = any_of<double>(random, {1, 1, 1, 2, 3, 7, 0.5, 0.50000006, 1.5, 2.5, 2.4999, -1, -0.25, 1e-30});
    if (one_in(random, 500)) pixel = 300;
    if (one_in(random, 500)) pixel = std::numeric_limits<double>::quiet_NaN();
    if (one_in(random, 500)) pixel = -std::numeric_limits<double>::infinity();
  }
  return pixels;
}

/// Method counts uses nothing of a calibration but its mask, and no option.
void make_counts(counting_setup& setup) {
  setup.options = {};
  setup.options.method = counting_method::counts;
  calibration masked;
  masked.shape = setup.calibrated.shape;
  masked.mask = setup.calibrated.mask;
  setup.calibrated = masked;
}

double draw_occupancy(generator& random) {
  return any_of<double>(random, {0, 0.0001, 0.001, 0.01, 0.01, 0.03, 0.1, 0.2, 0.5});
}

}  // namespace

parity_case random_case(std::uint64_t seed, std::uint64_t most_frames) {
  generator random(seed);
  parity_case drawn;
  drawn.setup.type =
      any_of(random, {pixel_type::u8, pixel_type::u16, pixel_type::u16, pixel_type::u16, pixel_type::u32, pixel_type::f32});
  drawn.setup.shape = {draw_length(random), draw_length(random)};
  if (one_in(random, 100)) drawn.setup.shape = {576, 576};
  if (one_in(random, 30))
    drawn.setup.shape = {1 + static_cast<std::uint32_t>(below(random, 3)), 1 + static_cast<std::uint32_t>(below(random, 5000))};
  if (one_in(random, 30))
    drawn.setup.shape = {1 + static_cast<std::uint32_t>(below(random, 5000)), 1 + static_cast<std::uint32_t>(below(random, 3))};
  auto split = any_of(random, {sector_split::none, sector_split::rows, sector_split::columns});
  if (split == sector_split::rows) drawn.setup.shape.height = (drawn.setup.shape.height + 3) / 4 * 4;
  if (split == sector_split::columns) drawn.setup.shape.width = (drawn.setup.shape.width + 3) / 4 * 4;
  drawn.setup.calibrated = draw_calibration(random, drawn.setup.shape);
  drawn.setup.options = draw_options(random);
  if (drawn.setup.options.method == counting_method::peaks) {
    drawn.setup.calibrated.score16 =
        any_of<std::int64_t>(random, {0, 3 * drawn.setup.calibrated.background16, 2000, 4000, score_limit});
  }
  const bool counts = one_in(random, 8);
  if (counts) make_counts(drawn.setup);

  const std::uint64_t frames = 1 + below(random, most_frames);
  for (std::uint64_t i = 0; i < frames; ++i) {
    const auto kind =
        one_in(random, 2) ? content::clouds : static_cast<content>(below(random, static_cast<std::uint64_t>(content::count_)));
    std::uint8_t present = all_sectors;
    if (one_in(random, 4)) present = static_cast<std::uint8_t>(split == sector_split::none ? 0 : below(random, all_sectors));
    const double occupancy = draw_occupancy(random);
    const image pixels =
        counts ? draw_counts(random, drawn.setup.shape, occupancy) : draw_image(random, drawn.setup.shape, kind, occupancy);
    add_frame(random, drawn, pixels, split, present);
  }
  return drawn;
}

parity_case plain_case(frame_shape shape, content kind, double occupancy, std::uint64_t seed) {
  generator random(seed);
  parity_case drawn;
  drawn.setup.shape = shape;
  drawn.setup.calibrated.background16 = background_from_adu((quiet + lit) / 2);
  drawn.setup.options.values = event_value::charge;
  add_frame(random, drawn, draw_image(random, shape, kind, occupancy), sector_split::none, all_sectors);
  drawn.frames.front().truncated = false;
  return drawn;
}

parity_case counts_case(frame_shape shape, pixel_type type, double occupancy, bool masked, std::uint64_t seed) {
  generator random(seed);
  parity_case drawn;
  drawn.setup.shape = shape;
  drawn.setup.type = type;
  if (masked) {
    drawn.setup.calibrated.shape = shape;
    for (std::uint64_t p = 0; p < shape.pixels(); ++p)
      drawn.setup.calibrated.mask.push_back(one_in(random, 20) ? std::uint8_t{mask_given} : std::uint8_t{0});
  }
  make_counts(drawn.setup);
  for (int frame = 0; frame < 2; ++frame)
    add_frame(random, drawn, draw_counts(random, shape, occupancy), sector_split::none, all_sectors);
  return drawn;
}

std::string describe(const parity_case& drawn) {
  const auto& [shape, type, calibrated, options] = drawn.setup;
  std::ostringstream text;
  text << drawn.frames.size() << " frames of " << shape.height << " x " << shape.width << ' ' << to_string(type) << ", method "
       << static_cast<int>(options.method) << ", row noise " << static_cast<int>(options.row_noise) << ", background method "
       << static_cast<int>(options.background) << ", values " << static_cast<int>(options.values) << ", upsample "
       << options.upsample << ", sizes " << options.min_cluster_size << " to " << options.max_cluster_size << ", background "
       << calibrated.background16 << ", X-ray " << calibrated.xray16 << ", score " << calibrated.score16.value_or(0)
       << (calibrated.dark16.empty() ? "" : ", dark") << (calibrated.gain.empty() ? "" : ", gain")
       << (calibrated.mask.empty() ? "" : ", mask") << (calibrated.pixel_background16.empty() ? "" : ", pixel thresholds");
  for (const frame_view& frame : drawn.frames) {
    text << "; split " << static_cast<int>(frame.split) << " present " << static_cast<int>(frame.present) << " bands "
         << static_cast<int>(frame.band_count);
  }
  return text.str();
}

std::string difference(const event_batch& expected, const event_batch& found) {
  const auto differ = [](const char* name, const auto& want, const auto& have) -> std::string {
    const std::size_t both = std::min(want.size(), have.size());
    for (std::size_t i = 0; i < both; ++i) {
      if (want[i] != have[i]) {
        return std::string(name) + '[' + std::to_string(i) + "] is " + std::to_string(have[i]) + " where the reference has " +
               std::to_string(want[i]) + "; ";
      }
    }
    if (want.size() == have.size()) return {};
    return std::string(name) + " holds " + std::to_string(have.size()) + " where the reference has " +
           std::to_string(want.size()) + "; ";
  };
  return differ("indptr", expected.indptr, found.indptr) + differ("indices", expected.indices, found.indices) +
         differ("values", expected.values, found.values) + differ("xrays", expected.xrays, found.xrays) +
         differ("status", expected.status, found.status);
}

std::string compare_with_reference(const parity_case& drawn, counter& tested) {
  event_batch expected;
  reference::make_counter(drawn.setup)->count(drawn.frames, expected);
  event_batch found;
  tested.count(drawn.frames, found);
  return difference(expected, found);
}

}  // namespace countem::parity
