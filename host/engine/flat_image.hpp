#pragma once

#include <filesystem>

#include <countem/detector_image.hpp>

// Flat files have no header, and whatever has the right size would be read. docs/formats.md defines what is believed.
namespace countem::engine {

/// @throws format_error when the pixels cannot be what they are given as, with what the file seems to hold.
void check_flat_image(const frame_source& image, const std::filesystem::path& path, image_role role);

}  // namespace countem::engine
