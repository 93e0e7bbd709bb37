// A calibration as a file of its own: the group /calibration, where an event store has it too.
#include <filesystem>
#include <string>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/output.hpp"
#include "io/hdf5/storage.hpp"
#include "io/recognition/recognise.hpp"
#include "io/store/calibration_group.hpp"

namespace countem {

namespace {

constexpr const char* group_name = "calibration";

/// A calibration and nothing more: an event store holds one, too.
bool is_calibration_file(const std::filesystem::path& path) {
  if (event_store_output.is_own(path)) return false;
  try {
    static_cast<void>(load_calibration(path));
    return true;
  } catch (const format_error&) {
    return false;
  }
}

}  // namespace

void save_calibration(const calibration& saved, const std::filesystem::path& path, const output_rules& rules) try {
  io::output_file output(path, calibration_output, rules);
  const auto lock = io::hdf5_lock();
  io::hdf5_handle file = io::create_hdf5(output);
  io::write_calibration(io::make_group(file, group_name), saved);
  io::close_hdf5(file, path.string());
  output.finish();
} catch (const io::hdf5_refusal& reason) {
  io::throw_unwritten(reason);
}

calibration load_calibration(const std::filesystem::path& path) {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file = io::open_expected(path, io::expected_file::calibration);
  return io::naming(path, [&] {
    if (!io::has_path(file, group_name)) io::refuse_other_file(path, io::expected_file::calibration);
    try {
      return io::read_calibration(io::open_group(file, group_name));
    } catch (const format_error& reason) {
      throw format_error(path.string() + ": " + reason.what());
    }
  });
}

const output_kind calibration_output{"a calibration", is_calibration_file};

}  // namespace countem
