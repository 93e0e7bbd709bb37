#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/numbers.hpp"

// Chunks as HDF5's filters make them, made without HDF5, which has one thread for all that it packs.
namespace countem::io {

/// Deflate's level for what is packed here.
inline constexpr unsigned packing_level = 1;

/// Bytes of elements as filters of HDF5 make them: bytes of one significance side by side, then a zlib stream.
[[nodiscard]] std::vector<std::uint8_t> shuffle_and_deflate(std::span<const std::uint8_t> elements, std::size_t element_bytes);

/// Writes all elements of a dataset of this size and element size, dense in row-major order; its chunks are packed on all
/// threads where the dataset is shuffled and deflated. Takes hdf5_lock(); the caller does not hold it.
/// @throws io_error; invalid_argument where the dataset has another number of elements
void write_all(hid_t dataset, hid_t memory_type, std::span<const std::uint8_t> values, const std::string& what);

/// write_all() with the in-memory type of T, which is the dataset's.
template <class T>
void write_all(hid_t dataset, std::span<const T> values, const std::string& what) {
  write_all(dataset, hdf5_type<T>(), {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()}, what);
}

}  // namespace countem::io
