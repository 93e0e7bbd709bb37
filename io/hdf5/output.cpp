#include "io/hdf5/output.hpp"

#include "io/hdf5/file.hpp"

namespace countem::io {

namespace {

/// A copy of access properties, without HDF5's lock.
hdf5_handle without_lock(hid_t access, const std::string& what) {
  hdf5_handle copy(access == H5P_DEFAULT ? H5Pcreate(H5P_FILE_ACCESS) : H5Pcopy(access), what);
  switch_locking_off(copy);
  return copy;
}

hdf5_handle open_for_writing(const output_file& output, unsigned flags) {
  const auto lock = hdf5_lock();
  const std::string name = output.temporary().string();
  const hdf5_handle access = without_lock(H5P_DEFAULT, name);
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), name);
  hdf5_handle file(H5Fopen(name.c_str(), flags, access), name + ": cannot be opened again");
  output.require_same_file();
  return file;
}

}  // namespace

hdf5_handle create_hdf5(const output_file& output, const hdf5_file_properties& properties) {
  const auto lock = hdf5_lock();
  const std::string name = output.temporary().string();
  const hdf5_handle access = without_lock(properties.access, name);
  hdf5_handle file(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, properties.creation, access), name + ": cannot be created");
  output.require_same_file();
  return file;
}

hdf5_handle open_swmr_writer(const output_file& output) {
  return open_for_writing(output, H5F_ACC_RDWR | H5F_ACC_SWMR_WRITE);
}

hdf5_handle open_again(const output_file& output) {
  return open_for_writing(output, H5F_ACC_RDWR);
}

void throw_unwritten(const hdf5_refusal& reason) {
  throw io_error(reason.what(), reason.advised());
}

void close_hdf5(hdf5_handle& file, const std::string& what) {
  const auto lock = hdf5_lock();
  hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), what + ": cannot be written");
  file.close(what + ": cannot be closed");
}

}  // namespace countem::io
