#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace countem::fuzz {

/// Imports files made from any bytes as events; returns normally when they are imported (then the store must verify) or refused
/// with an error of ours. The first byte picks what the rest is: the file itself, the parts of a stempy file, or the parts of a
/// binsparse matrix, which HDF5 then puts together so that what is wrong lies behind HDF5's own checks.
void try_import(std::span<const std::uint8_t> input);

/// Sound inputs of every kind, with a name each, to start from.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::uint8_t>>> import_seeds();

}  // namespace countem::fuzz
