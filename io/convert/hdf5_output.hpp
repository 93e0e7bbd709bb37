#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/version.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/output.hpp"

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

/// A one-dimensional HDF5 dataset that grows as it is written.
template <class T>
class growing_dataset {
 public:
  growing_dataset(hid_t location, const std::string& name) : name_(place_of(location, name)) {
    const hsize_t none = 0;
    const hsize_t unlimited = H5S_UNLIMITED;
    const hsize_t chunk = 1 << 18;
    const hdf5_handle space(H5Screate_simple(1, &none, &unlimited), name);
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
    hdf5_check(H5Pset_chunk(creation, 1, &chunk), name);
    compress(creation, {.shuffle = true, .deflate = 1}, name_);
    dataset_ = {H5Dcreate2(location, name.c_str(), hdf5_type<T>(), space, H5P_DEFAULT, creation, H5P_DEFAULT), name};
  }
  /// Adds values at the end.
  void append(const std::vector<T>& values) {
    if (values.empty()) return;
    const hsize_t count = values.size();
    const hsize_t start = size_;
    size_ += count;
    hdf5_check(H5Dset_extent(dataset_, &size_), name_);
    write_slab<T>(dataset_, {{start}, {count}}, values, name_);
  }
  /// Ends the dataset. @throws io_error
  void close() { dataset_.close(name_); }
  /// Values so far.
  [[nodiscard]] hsize_t size() const { return size_; }

 private:
  std::string name_;
  hdf5_handle dataset_;
  hsize_t size_ = 0;
};

}  // namespace countem::io
