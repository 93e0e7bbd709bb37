#pragma once

#include <countem/event_store.hpp>

namespace countem {

/// Type of a pixel in the dense form of a store's frames: pixel_type::u16 where it was written with wide counts, else
/// pixel_type::u8; a multiplicity beyond it is cut there.
[[nodiscard]] pixel_type dense_type(const event_store& store);

}  // namespace countem
