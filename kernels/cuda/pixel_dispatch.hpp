#pragma once

#include <countem/types.hpp>

namespace countem::cuda {

/// Calls `work` with a value of the C++ type that the pixels have.
template <class Work>
auto with_pixel_type(pixel_type type, Work work) {
  switch (type) {
    case pixel_type::u8: return work(std::uint8_t{});
    case pixel_type::u16: return work(std::uint16_t{});
    case pixel_type::u32: return work(std::uint32_t{});
    case pixel_type::f32: break;
  }
  return work(float{});
}

}  // namespace countem::cuda
