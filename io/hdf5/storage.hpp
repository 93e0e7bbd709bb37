#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"

// Where the bytes of an HDF5 object lie. An HDF5 file may name any other file: as the holder of a dataset's bytes (external
// storage), of parts of a dataset (virtual datasets), or of a group (external links). What is read are files of the same folder
// alone, so that a file from elsewhere does not make countem show what its reader may see and its author may not.
// Callers hold hdf5_lock().
namespace countem::io {

/// Opens a dataset, its external and virtual parts sought in the folder of its file. `access`: further properties, or default.
/// `what` begins each error's text; "dataset PATH" where it is empty.
/// @throws format_error when there is none, or when bytes of it lie in another folder
[[nodiscard]] hdf5_handle open_dataset(hid_t location, const std::string& path, std::string what = {},
                                       hid_t access = H5P_DEFAULT);

/// Opens a group. @throws format_error when there is none, or a link leads to a file of another folder
[[nodiscard]] hdf5_handle open_group(hid_t location, const std::string& path);

/// The other files that a dataset's bytes come from, by the names that they have on this system, there or not.
/// @throws as open_dataset()
[[nodiscard]] std::vector<std::filesystem::path> files_behind(hid_t dataset, const std::string& what);

/// A dataset that holds parts of a virtual dataset.
struct virtual_source {
  std::filesystem::path file;      ///< that should hold it
  std::string path;                ///< of the dataset in it
  bool is_other_file = false;      ///< than that of the virtual dataset
  std::vector<std::size_t> parts;  ///< numbers of the parts that it holds
};
/// What a virtual dataset is made of; nothing for any other.
struct virtual_makeup {
  hdf5_handle creation;  ///< the dataset's properties
  std::size_t parts = 0;
  std::vector<virtual_source> sources;  ///< each once, in the order of their first parts
};
/// @throws as open_dataset()
[[nodiscard]] virtual_makeup makeup_of(hid_t dataset, const std::string& what);

/// A source as far as HDF5 opens it: it gives fill values for what is not there.
struct opened_source {
  hdf5_handle file;
  hdf5_handle dataset;
};
/// `dataset`: the virtual one. @throws as open_dataset()
[[nodiscard]] opened_source open_source(hid_t dataset, const virtual_source& source, const std::string& what);

/// Elements of a source, and what they are in the virtual dataset, in the same order: selections of dataspaces.
struct virtual_part {
  hdf5_handle from;
  hdf5_handle where;
};
[[nodiscard]] virtual_part part_of(const virtual_makeup& makeup, std::size_t number, const std::string& what);

/// Bytes from which a dataset's elements are made, packed as they are: never more than the files that hold them have.
/// @throws as open_dataset()
[[nodiscard]] std::uint64_t stored_bytes(hid_t dataset, const std::string& what);

/// An extent is only a claim of a few bytes: 16 MiB are always believed, and beyond that what deflate can pack into the bytes
/// that are stored. @throws format_error
void require_stored(hid_t dataset, std::uint64_t claimed_bytes, const std::string& what);

/// HDF5 unpacks a chunk and takes from it what the described chunk holds, even where that is more: beyond the memory of the
/// chunk. So the first chunk must hold, or unpack to, what is described; others are described by the same numbers. Chunks with
/// other filters than deflate and shuffle are not asked.
/// @throws format_error
void require_whole_chunk(hid_t dataset, const std::string& what);

}  // namespace countem::io
