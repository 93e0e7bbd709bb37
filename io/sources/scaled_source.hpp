#pragma once

#include <memory>

#include <countem/frame_source.hpp>

namespace countem::io {

/// The same frames as f32: each pixel float32(raw * factor), the product in float64. Beyond all floats it is an infinity.
/// `factor` is finite and above 0.
[[nodiscard]] std::unique_ptr<frame_source> scaled(std::unique_ptr<frame_source> frames, double factor);

}  // namespace countem::io
