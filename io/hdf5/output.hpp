#pragma once

#include <hdf5.h>

#include <string>

#include "io/files/output_file.hpp"
#include "io/hdf5/handle.hpp"

// HDF5 files that are written: made in an output_file, closed by functions that report what HDF5 could not write.
namespace countem::io {

/// Properties of a file that is made.
struct hdf5_file_properties {
  hid_t creation = H5P_DEFAULT;
  hid_t access = H5P_DEFAULT;
};

/// Makes an HDF5 file in the temporary file of an output. HDF5's own lock is not taken: the output has one.
/// @throws io_error
[[nodiscard]] hdf5_handle create_hdf5(const output_file& output, const hdf5_file_properties& properties = {});

/// Opens it again for a writer whose file may be followed by readers (SWMR). @throws io_error
[[nodiscard]] hdf5_handle open_swmr_writer(const output_file& output);

/// Opens it again to add to it, when no reader need follow it any more. @throws io_error
[[nodiscard]] hdf5_handle open_again(const output_file& output);

/// While an output is written, what HDF5 refuses is no fault of an input. @throws io_error in place of a refusal
[[noreturn]] void throw_unwritten(const hdf5_refusal& reason);

/// Flushes and closes a file; objects of it must have been closed. @throws io_error
void close_hdf5(hdf5_handle& file, const std::string& what);

}  // namespace countem::io
