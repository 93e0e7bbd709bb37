#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace countem::fuzz {

/// Imports files that HDF5 puts together from any bytes, so that what is wrong with them lies behind HDF5's own checks; returns
/// normally when they are imported (then the store must verify) or refused with an error of ours. The first byte picks what the
/// rest is: the parts of a stempy file, or those of a binsparse matrix.
void try_import(std::span<const std::uint8_t> input);

/// Sound inputs of every kind, with a name each, to start from.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::uint8_t>>> import_seeds();

/// The same with these bytes as the file. Not for long runs: on some damaged files HDF5 1.10 itself reads beyond its buffers.
void try_import_file(std::span<const std::uint8_t> bytes);

/// Files that can be imported, with a name each.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::uint8_t>>> importable_files();

}  // namespace countem::fuzz
