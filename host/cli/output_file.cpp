#include "host/cli/output_file.hpp"

#include <system_error>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>

namespace countem::cli {

namespace fs = std::filesystem;

bool is_event_store(const fs::path& path) {
  try {
    return open_event_store(path) != nullptr;
  } catch (const error&) {
    return false;
  }
}

bool is_calibration_file(const fs::path& path) {
  if (is_event_store(path)) return false;
  try {
    static_cast<void>(load_calibration(path));
    return true;
  } catch (const error&) {
    return false;
  }
}

void require_output(const fs::path& output, std::span<const input_file> read, replaceable may_replace) {
  std::error_code unknown;
  const fs::path folder = output.parent_path();
  if (!folder.empty() && !fs::is_directory(folder, unknown)) {
    throw io_error(output.string() + ": there is no directory " + folder.string() + ": make it, or name another output");
  }
  if (fs::is_directory(output, unknown)) throw io_error(output.string() + ": is a directory: name the file to write");
  if (!fs::exists(output, unknown)) return;
  for (const input_file& input : read) {
    if (fs::equivalent(input.path, output, unknown)) {
      throw invalid_argument(output.string() + ": is one of the files to be read: name another output");
    }
  }
  const bool empty = fs::is_regular_file(output, unknown) && fs::file_size(output, unknown) == 0;
  if (!empty && !may_replace(output)) {
    throw invalid_argument(output.string() +
                           ": is there already and no output of this command: remove it, or name another output");
  }
}

}  // namespace countem::cli
