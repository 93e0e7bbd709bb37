#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <countem/frame.hpp>

#include "kernels/cpu/component_windows.hpp"
#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

/// A frame on its way through the strips, with the memory that it needs until its events are out.
template <class Pixel>
struct frame_in_work {
  explicit frame_in_work(frame_shape shape) : rows(shape.height), hits(shape) {}

  const frame_view* frame = nullptr;
  std::vector<const Pixel*> rows;  ///< where each row lies in memory; null where nothing of it arrived
  hit_bits hits;
  std::vector<std::int32_t> noise;             ///< to subtract from each half-row, where that is wanted
  std::vector<std::uint32_t> missing_columns;  ///< of sectors that did not arrive, where sectors are columns
  std::vector<component_root> large;           ///< roots of components that no window holds; rows of the frame
  std::vector<std::uint32_t> indices;
  std::vector<std::uint32_t> values;
  std::uint32_t xrays = 0;

  void start(const frame_view& next) {
    frame = &next;
    large.clear();
    indices.clear();
    values.clear();
    xrays = 0;
    missing_columns.clear();
    if (!arrived()) return;
    if (next.split == sector_split::columns && next.present != all_sectors) {
      for (std::uint32_t x = 0; x < next.shape.width; ++x) {
        if (!next.arrived(0, x)) missing_columns.push_back(x);
      }
    }
    const std::uint32_t band_height = next.band_height();
    std::uint32_t y = 0;
    for (std::uint32_t band = 0; band < next.band_count; ++band) {
      const auto* start = reinterpret_cast<const Pixel*>(next.bands[band]);
      for (std::uint32_t i = 0; i < band_height; ++i, ++y) {
        rows[y] = start == nullptr ? nullptr : start + std::size_t{i} * next.shape.width;
      }
    }
    if (next.split != sector_split::rows || next.present == all_sectors) return;
    for (y = 0; y < next.shape.height; ++y) {
      if (!next.arrived(y, 0)) rows[y] = nullptr;
    }
  }

  [[nodiscard]] bool arrived() const { return frame->present != 0; }

  /// Rows from y on, up to `last`, that follow each other in memory and are there or missing alike.
  [[nodiscard]] std::uint32_t end_of_rows_alike(std::uint32_t y, std::uint32_t last) const {
    // Bands are the sectors where sectors are rows; only where such a frame lies in one piece must the rows be asked.
    const std::uint32_t band_height = frame->band_height();
    std::uint32_t end = std::min(last, (y / band_height + 1) * band_height);
    if (frame->split == sector_split::rows && frame->present != all_sectors) {
      end = y + 1;
      while (end < last && end % band_height != 0 && (rows[end] == nullptr) == (rows[y] == nullptr)) ++end;
    }
    return end;
  }
};

}  // namespace countem::cpu
