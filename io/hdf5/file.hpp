#pragma once

#include <cstdint>
#include <filesystem>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"

// How HDF5 files are opened for reading. HDF5 locks the files that it opens. Where the file system has no locks (file systems
// of clusters often have none), files are opened without, and a notice reports it (countem/notices.hpp). A lock that another
// program holds is respected.
namespace countem::io {

/// What may happen to a file while it is read.
enum class hdf5_reading : std::uint8_t {
  finished,  ///< nothing: its writer has closed it
  growing,   ///< its writer appends (HDF5's single writer, multiple readers)
};

class not_hdf5 : public format_error {
 public:
  using format_error::format_error;
};

/// A file that its writer has not closed, and that cannot be read as `finished`; perhaps as `growing`.
class unclosed_hdf5 : public format_error {
 public:
  using format_error::format_error;
};

/// Opens an HDF5 file for reading. The caller holds hdf5_lock().
/// @throws io_error the system refuses, it is no regular file, or another program has it open for writing; not_hdf5;
/// unclosed_hdf5; hdf5_refusal HDF5 does not open it: it is damaged, or was not closed
[[nodiscard]] hdf5_handle open_hdf5(const std::filesystem::path& path, hdf5_reading reading = hdf5_reading::finished);

/// Whether a file is HDF5, perhaps behind bytes of another program. The caller holds hdf5_lock(). @throws io_error
[[nodiscard]] bool is_hdf5(const std::filesystem::path& path);

/// Files that are opened with these access properties are not locked by HDF5, where its version can do without.
void switch_locking_off(hid_t access);

}  // namespace countem::io
