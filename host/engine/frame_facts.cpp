#include "host/engine/frame_facts.hpp"

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include <countem/frame.hpp>

#include "host/engine/pixel_values.hpp"
#include "host/engine/threads.hpp"
#include "kernels/cpu/charges.hpp"

namespace countem::engine {

namespace {

/// Calls use(place in `frames`, frame) for every frame that arrived, from several threads.
template <class Use>
void for_each_frame(const frame_source& source, const std::vector<std::uint64_t>& frames, unsigned threads, const Use& use) {
  run_with(threads, [&] {
    oneapi::tbb::parallel_for(std::size_t{0}, frames.size(), [&](std::size_t i) {
      frame_batch batch;
      source.read(frames[i], 1, batch);
      if (batch.frames.front().present != 0) use(i, batch.frames.front());
    });
  });
}

/// Values below the largest that decide whether the largest is a limit.
constexpr std::uint32_t values_below = 16;
/// So few equal values are a chance.
constexpr std::uint64_t fewest_at_a_limit = 8;

/// The largest value of a frame, and how many pixels hold it or one of those below.
struct top_values {
  std::uint32_t highest = 0;
  std::uint64_t first_pixel = 0;  ///< of those that hold the highest
  std::array<std::uint64_t, values_below + 1> count{};

  void add(std::uint32_t value, std::uint64_t pixel) {
    if (value + values_below < highest) return;
    if (value > highest || (value == highest && count[0] == 0)) {
      raise_to(value);
      first_pixel = pixel;
    }
    const std::uint32_t below = highest - value;
    if (below <= values_below) ++count[below];
  }
  /// Counts as if the highest were `value`, which is at least as high.
  void raise_to(std::uint32_t value) {
    const std::uint32_t up = value - highest;
    for (std::uint32_t i = values_below + 1; i-- > 0;) count[i] = i >= up ? count[i - up] : 0;
    highest = value;
  }
};

top_values top_of(const frame_view& frame, const calibration& calibrated) {
  top_values top;
  for (std::uint32_t row = 0; row < frame.shape.height; ++row) {
    const std::uint64_t first = std::uint64_t{row} * frame.shape.width;
    visit_row(frame, row, [&](std::uint32_t column, double value) {
      // Few values are near the top: the cheaper condition first.
      const auto whole = static_cast<std::uint32_t>(value);
      if (whole + values_below >= top.highest && can_have_charge(calibrated, first + column)) top.add(whole, first + column);
    });
  }
  return top;
}

/// One less than a power of two, as converters of so many bits end.
bool ends_a_converter(std::uint32_t value) {
  constexpr std::uint32_t least = 255;
  return value >= least && (value & (value + 1)) == 0;
}

/// u8 and u16.
saturation whole_number_saturation(const frame_source& source, const std::vector<std::uint64_t>& frames,
                                   const calibration& calibrated, unsigned threads) {
  std::vector<top_values> tops(frames.size());
  for_each_frame(source, frames, threads, [&](std::size_t i, const frame_view& frame) { tops[i] = top_of(frame, calibrated); });
  std::uint32_t highest = 0;
  for (const top_values& top : tops) highest = std::max(highest, top.highest);
  saturation found;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < tops.size(); ++i) {
    const bool reaches_it = tops[i].highest == highest && tops[i].count[0] != 0;
    if (reaches_it && found.frames++ == 0) {
      found.frame = frames[i];
      found.pixel = tops[i].first_pixel;
    }
    if (reaches_it) found.pixels += tops[i].count[0];
    top_values shown = tops[i];
    shown.raise_to(highest);
    for (std::uint32_t lower = 1; lower <= values_below; ++lower) below += shown.count[lower];
  }
  found.value = highest;
  const bool is_type_limit = source.info().type == pixel_type::u16 && highest == std::numeric_limits<std::uint16_t>::max();
  const bool is_cut = ends_a_converter(highest) && found.pixels >= fewest_at_a_limit && found.pixels > below;
  return is_type_limit || is_cut ? found : saturation{};
}

/// u32 and f32: charges that are cut. The value is the largest.
saturation cut_values(const frame_source& source, const std::vector<std::uint64_t>& frames, const calibration& calibrated,
                      unsigned threads) {
  constexpr double limit_adu = static_cast<double>(charge_limit) / charge_units_per_adu;
  std::vector<saturation> each(frames.size());
  for_each_frame(source, frames, threads, [&](std::size_t i, const frame_view& frame) {
    saturation& own = each[i];
    for (std::uint32_t row = 0; row < frame.shape.height; ++row) {
      const std::uint64_t first = std::uint64_t{row} * frame.shape.width;
      visit_row(frame, row, [&](std::uint32_t column, double value) {
        if (!(value >= limit_adu) || !can_have_charge(calibrated, first + column)) return;
        if (own.pixels++ == 0) own.pixel = first + column;
        own.value = std::max(own.value, value);
      });
    }
  });
  saturation all;
  for (std::size_t i = 0; i < each.size(); ++i) {
    if (each[i].pixels == 0) continue;
    if (all.frames++ == 0) {
      all.frame = frames[i];
      all.pixel = each[i].pixel;
    }
    all.pixels += each[i].pixels;
    all.value = std::max(all.value, each[i].value);
  }
  return all;
}

/// Pixels of the 8-connected component that holds `start`; its hits are taken away.
std::uint64_t take_component(std::vector<bool>& hits, frame_shape shape, std::uint64_t start) {
  std::vector<std::uint64_t> open{start};
  hits[start] = false;
  std::uint64_t pixels = 0;
  while (!open.empty()) {
    const std::uint64_t pixel = open.back();
    open.pop_back();
    ++pixels;
    const std::uint64_t row = pixel / shape.width;
    const std::uint64_t column = pixel % shape.width;
    for (std::uint64_t y = row == 0 ? 0 : row - 1; y <= std::min<std::uint64_t>(row + 1, shape.height - 1); ++y) {
      for (std::uint64_t x = column == 0 ? 0 : column - 1; x <= std::min<std::uint64_t>(column + 1, shape.width - 1); ++x) {
        const std::uint64_t neighbour = y * shape.width + x;
        if (!hits[neighbour]) continue;
        hits[neighbour] = false;
        open.push_back(neighbour);
      }
    }
  }
  return pixels;
}

}  // namespace

saturation find_saturation(const frame_source& source, const std::vector<std::uint64_t>& frames, const calibration& calibrated,
                           unsigned threads) {
  const pixel_type type = source.info().type;
  const bool is_small = type == pixel_type::u8 || type == pixel_type::u16;
  return is_small ? whole_number_saturation(source, frames, calibrated, threads)
                  : cut_values(source, frames, calibrated, threads);
}

std::vector<std::uint64_t> largest_components(const frame_source& source, const std::vector<std::uint64_t>& frames,
                                              const calibration& calibrated, std::uint64_t least, unsigned threads) {
  std::vector<std::uint64_t> largest(frames.size());
  for_each_frame(source, frames, threads, [&](std::size_t i, const frame_view& frame) {
    const std::vector<std::int32_t> charges = cpu::charges(frame, calibrated);
    std::vector<bool> hits(charges.size());
    std::uint64_t count = 0;
    for (std::size_t p = 0; p < charges.size(); ++p) {
      hits[p] = charges[p] > background_of(calibrated, p);
      count += hits[p] ? 1 : 0;
    }
    if (count <= least) return;
    for (std::size_t p = 0; p < hits.size(); ++p) {
      if (hits[p]) largest[i] = std::max(largest[i], take_component(hits, frame.shape, p));
    }
  });
  return largest;
}

bool values_differ(const frame_source& source, const std::vector<std::uint64_t>& frames, const calibration& calibrated) {
  std::optional<double> known;
  for (const std::uint64_t number : frames) {
    frame_batch batch;
    source.read(number, 1, batch);
    const frame_view& frame = batch.frames.front();
    if (frame.present == 0) continue;
    bool differ = false;
    for (std::uint32_t row = 0; row < frame.shape.height && !differ; ++row) {
      const std::uint64_t first = std::uint64_t{row} * frame.shape.width;
      visit_row(frame, row, [&](std::uint32_t column, double value) {
        if (std::isnan(value) || !can_have_charge(calibrated, first + column)) return;
        if (!known) known = value;
        differ = differ || value != *known;
      });
    }
    if (differ) return true;
  }
  return false;
}

std::uint8_t sectors_of(const frame_source& source, const std::vector<std::uint64_t>& frames, sector_split& split) {
  std::uint8_t sectors = 0;
  split = source.info().split;
  for (const std::uint64_t number : frames) {
    frame_batch batch;
    source.read(number, 1, batch);
    sectors = static_cast<std::uint8_t>(sectors | batch.frames.front().present);
    if (split == sector_split::none || sectors == all_sectors) return sectors != 0 ? all_sectors : sectors;
  }
  return sectors;
}

std::uint32_t sector_of(std::uint64_t pixel, frame_shape shape, sector_split split) {
  switch (split) {
    case sector_split::none: return 0;
    case sector_split::rows: return static_cast<std::uint32_t>(pixel / shape.width / (shape.height / sectors_per_frame));
    case sector_split::columns: return static_cast<std::uint32_t>(pixel % shape.width / (shape.width / sectors_per_frame));
  }
  return 0;
}

}  // namespace countem::engine
