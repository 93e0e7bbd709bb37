#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <countem/frame.hpp>

namespace countem::engine {

template <class Pixel, class Visit>
void visit_row_of(const frame_view& frame, std::uint32_t row, const Visit& visit) {
  const std::byte* pixels = frame.row(row);
  if (pixels == nullptr) return;
  for (std::uint32_t column = 0; column < frame.shape.width; ++column) {
    if (!frame.arrived(row, column)) continue;
    Pixel value;
    std::memcpy(&value, pixels + std::size_t{column} * sizeof(Pixel), sizeof(Pixel));
    visit(column, static_cast<double>(value));
  }
}

/// Calls visit(column, raw value) for the pixels of a row that arrived, of a frame of which something arrived. Every pixel type
/// is a double without loss.
template <class Visit>
void visit_row(const frame_view& frame, std::uint32_t row, const Visit& visit) {
  switch (frame.type) {
    case pixel_type::u8: return visit_row_of<std::uint8_t>(frame, row, visit);
    case pixel_type::u16: return visit_row_of<std::uint16_t>(frame, row, visit);
    case pixel_type::u32: return visit_row_of<std::uint32_t>(frame, row, visit);
    case pixel_type::f32: return visit_row_of<float>(frame, row, visit);
  }
}

}  // namespace countem::engine
