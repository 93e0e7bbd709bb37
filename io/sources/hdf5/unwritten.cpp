#include "io/sources/hdf5/unwritten.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <countem/stop.hpp>

#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// The next box behind `at` in row-major order, of boxes that follow one another by `step`. False behind the last.
bool advance(std::vector<hsize_t>& at, const std::vector<hsize_t>& step, const std::vector<hsize_t>& extent) {
  for (std::size_t axis = at.size(); axis-- > 0;) {
    at[axis] += step[axis];
    if (at[axis] < extent[axis]) return true;
    at[axis] = 0;
  }
  return false;
}

void find_unwritten_chunks(hid_t dataset, hid_t creation, const std::vector<hsize_t>& extent, const std::string& what,
                           const unwritten_part& use) {
  std::vector<hsize_t> chunk(extent.size());
  hdf5_check(H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data()), what);
  hsize_t chunks = 1;
  for (std::size_t axis = 0; axis < extent.size(); ++axis) chunks *= (extent[axis] + chunk[axis] - 1) / chunk[axis];
  const hdf5_handle space(H5Dget_space(dataset), what);
  hsize_t written = 0;
  hdf5_check(H5Dget_num_chunks(dataset, space, &written), what);
  if (written >= chunks) return;

  std::vector<hsize_t> at(extent.size(), 0);
  std::vector<hsize_t> end(extent.size());
  std::uint64_t looked_at = 0;
  do {
    if (++looked_at % 1024 == 0) check_stop();
    hsize_t bytes = 0;
    // HDF5 1.10 takes it for a failure that a chunk is not there, HDF5 1.12 and later for 0 bytes.
    if (H5Dget_chunk_storage_size(dataset, at.data(), &bytes) >= 0 && bytes > 0) continue;
    for (std::size_t axis = 0; axis < at.size(); ++axis) end[axis] = std::min(at[axis] + chunk[axis], extent[axis]);
    use(at, end);
  } while (advance(at, chunk, extent));
}

/// Elements [first, end) of a dataset, in row-major order, as boxes of everything behind its leading axes.
void use_elements(std::uint64_t first, std::uint64_t end, const std::vector<hsize_t>& extent, const unwritten_part& use) {
  const std::size_t leading = extent.size() < 2 ? 0 : extent.size() - 2;
  std::uint64_t block = 1;
  for (std::size_t axis = leading; axis < extent.size(); ++axis) block *= extent[axis];
  std::vector<hsize_t> at(extent.size(), 0);
  std::vector<hsize_t> behind = extent;
  for (std::uint64_t number = first / block; number * block < end; ++number) {
    std::uint64_t left = number;
    for (std::size_t axis = leading; axis-- > 0; left /= extent[axis]) {
      at[axis] = left % extent[axis];
      behind[axis] = at[axis] + 1;
    }
    use(at, behind);
  }
}

void find_short_files(hid_t dataset, hid_t creation, const std::vector<hsize_t>& extent, const std::string& what,
                      const unwritten_part& use) {
  const std::vector<fs::path> files = files_behind(dataset, what);
  const hdf5_handle type(H5Dget_type(dataset), what);
  const std::uint64_t element = H5Tget_size(type);
  std::uint64_t elements = 1;
  for (const hsize_t length : extent) elements *= length;
  const std::uint64_t all = elements * element;
  std::uint64_t from = 0;  // of the dataset's bytes
  for (std::size_t number = 0; number < files.size() && from < all; ++number) {
    char name[1] = {};
    off_t offset = 0;
    hsize_t bytes = 0;
    hdf5_check(H5Pget_external(creation, static_cast<unsigned>(number), 0, name, &offset, &bytes), what);
    std::error_code absent;
    const std::uintmax_t length = fs::file_size(files[number], absent);
    const std::uint64_t there =
        absent || length < static_cast<std::uintmax_t>(offset) ? 0 : length - static_cast<std::uint64_t>(offset);
    const std::uint64_t end = bytes >= all - from ? all : from + bytes;
    if (from + there < end) use_elements((from + there) / element, (end + element - 1) / element, extent, use);
    from = end;
  }
}

}  // namespace

void find_unwritten(hid_t dataset, const std::string& what, const unwritten_part& use) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  const std::vector<hsize_t> extent = extent_of(dataset, what);
  if (extent.empty() || std::find(extent.begin(), extent.end(), 0U) != extent.end()) return;
  if (H5Pget_layout(creation) == H5D_CHUNKED) find_unwritten_chunks(dataset, creation, extent, what, use);
  if (H5Pget_external_count(creation) > 0) find_short_files(dataset, creation, extent, what, use);
}

}  // namespace countem::io
