#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace countem::fuzz {

/// Writes an HDF5 file with some datasets, attributes and links, each of which may or may not be what a file of frames has.
/// HDF5 puts it together, so that what is wrong with it lies behind the library's own checks; parts that HDF5 refuses to write
/// are left out.
void write_hdf5_frames(const std::filesystem::path& path, std::span<const std::uint8_t> recipe);

/// Recipes of files that hold frames, with a name each.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::uint8_t>>> hdf5_frames_seeds();

}  // namespace countem::fuzz
