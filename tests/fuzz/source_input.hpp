#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace countem::fuzz {

/// Opens files made from any bytes as frames and reads some of them; returns normally when they are read or refused with an
/// error of ours. The first byte picks the format. For the 4D Camera's versions 3 to 5 the rest is headers of 16 bytes, each
/// put in its place in a file of holes (and what is left over, how much is missing at its end); for HDF5 it defines what HDF5
/// writes (write_hdf5_frames); for all others it is the file itself.
void try_source(std::span<const std::uint8_t> input);

/// Sound inputs of every format, with a name each, to start from.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::uint8_t>>> source_seeds();

/// The same with these bytes as an HDF5 file. Not for long runs: on some damaged files HDF5 1.10 itself reads beyond its
/// buffers.
void try_hdf5_file(std::span<const std::uint8_t> bytes);

[[nodiscard]] std::vector<std::uint8_t> sound_hdf5_file();

}  // namespace countem::fuzz
