#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/version.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/output.hpp"
#include "io/store/geometry_attributes.hpp"

// HDF5 files that the exports write.
namespace countem::io {

/// Makes the file of an output and names its writer in it. @throws io_error
[[nodiscard]] inline hdf5_handle create_export(const output_file& output) {
  hdf5_handle file = create_hdf5(output);
  write_attribute(file, "written_by", std::string("countem ") + version);
  return file;
}

/// Whether a file is a whole one of create_export(). @throws io_error
[[nodiscard]] inline bool is_own_hdf5_export(const std::filesystem::path& path) try {
  const auto lock = hdf5_lock();
  const hdf5_handle file = open_hdf5(path);
  return has_attribute(file, "written_by") && read_text_attribute(file, "written_by").starts_with("countem ");
} catch (const format_error&) {
  return false;
}

/// What the axes of the events' grid and of the scan mean, as attributes: other programs ignore them, described() reads them.
/// @throws io_error
inline void write_grid(hid_t file, const store_description& description) {
  write_attribute(file, "upsample", std::int64_t{description.options.upsample});
  write_geometry(file, description.geometry);
}

}  // namespace countem::io
