// A calibration as a file of its own: the group /calibration, where an event store has it too.
#include <filesystem>
#include <string>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/storage.hpp"
#include "io/store/calibration_group.hpp"

namespace countem {

namespace {

constexpr const char* group_name = "calibration";

void write_file(const calibration& saved, const std::filesystem::path& path) {
  const auto lock = io::hdf5_lock();
  io::hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), path.string() + ": cannot be created");
  const io::hdf5_handle group = io::make_group(file, group_name);
  io::write_calibration(group, saved);
  // What a full disk refuses shows here at the latest.
  io::hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), path.string() + ": cannot be written");
}

}  // namespace

void save_calibration(const calibration& saved, const std::filesystem::path& path) {
  io::file_replacement file(path);
  write_file(saved, file.unfinished());
  file.finish();
}

calibration load_calibration(const std::filesystem::path& path) {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file = io::open_hdf5(path);
  try {
    if (!io::has_path(file, group_name)) {
      throw format_error(std::string("there is no group /") + group_name +
                         "; give a file that countem calibrate or countem count wrote");
    }
    return io::read_calibration(io::open_group(file, group_name));
  } catch (const format_error& reason) {
    throw format_error(path.string() + ": " + reason.what());
  } catch (const io_error& reason) {
    throw io_error(path.string() + ": " + reason.what());
  }
}

}  // namespace countem
