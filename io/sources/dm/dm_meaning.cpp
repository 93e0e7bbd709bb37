#include "io/sources/dm/dm_meaning.hpp"

#include <utility>

namespace countem::io {

std::optional<stored_type> dm_pixel_type(std::uint64_t data_type) {
  switch (data_type) {
    case 1: return stored_type::i16;
    case 2: return stored_type::f32;
    case 6: return stored_type::u8;
    case 7: return stored_type::i32;
    case 9: return stored_type::i8;
    case 10: return stored_type::u16;
    case 11: return stored_type::u32;
    case 12: return stored_type::f64;
    case 14: return stored_type::u8;  // of truth values
    default: return std::nullopt;
  }
}

stated_axis dm_axis(double origin, double scale, std::string units) {
  return {origin == 0 ? 0 : -origin * scale, scale, std::move(units)};
}

}  // namespace countem::io
