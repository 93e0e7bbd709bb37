#include "io/simulated/raw_writer.hpp"

#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <deque>
#include <span>
#include <string_view>
#include <utility>

#include <countem/error.hpp>
#include <countem/large_output.hpp>

#include "io/files/file.hpp"
#include "io/files/npy_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/output.hpp"
#include "io/sources/camera/format.hpp"
#include "threads/arena.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

using frame_maker = std::function<void(std::uint64_t, std::uint16_t*)>;

/// Consecutive frames, one behind the other.
struct frame_group {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::span<const std::uint16_t> pixels;
};

/// Frames that are written together: the operating system keeps what one call writes in larger pieces than what comes frame by
/// frame, and larger pieces are read, and above all mapped, in less time.
std::uint64_t frames_together(const raw_scan& what, unsigned threads) {
  constexpr std::uint64_t most_bytes = std::uint64_t{8} << 20;
  const std::uint64_t fit = most_bytes / (what.frame.pixels() * sizeof(std::uint16_t));
  return std::clamp<std::uint64_t>(std::min(fit, what.scan.frames() / (4 * threads)), 1, 64);
}

/// Calls `put(group)` until every frame was in one, from several threads.
template <class Put>
void for_each_group(const raw_scan& what, const frame_maker& make_frame, const Put& put) {
  tbb::task_arena& arena = arena_of(what.threads);
  const std::uint64_t frames = what.scan.frames();
  const std::uint64_t together = frames_together(what, static_cast<unsigned>(arena.max_concurrency()));
  const std::size_t frame_pixels = what.frame.pixels();
  tbb::enumerable_thread_specific<std::vector<std::uint16_t>> room(
      [&] { return std::vector<std::uint16_t>(together * frame_pixels); });
  arena.execute([&] {
    tbb::parallel_for(std::uint64_t{0}, (frames + together - 1) / together, [&](std::uint64_t number) {
      std::vector<std::uint16_t>& pixels = room.local();
      frame_group group{number * together, std::min(together, frames - number * together), pixels};
      for (std::uint64_t i = 0; i < group.count; ++i) make_frame(group.first + i, pixels.data() + i * frame_pixels);
      put(std::as_const(group));
    });
  });
}

camera_header header_of(std::uint64_t frame, const raw_scan& what) {
  const std::uint64_t position = frame / what.scan.frames_per_position;
  camera_header header;
  header.scan_number = what.scan_number;
  header.frame_number = static_cast<std::uint32_t>(frame);
  header.scan_width = static_cast<std::uint16_t>(what.scan.width);
  header.scan_height = static_cast<std::uint16_t>(what.scan.height);
  header.x = static_cast<std::uint16_t>(position % what.scan.width);
  header.y = static_cast<std::uint16_t>(position / what.scan.width);
  return header;
}

/// The records of one sector and file in a group of frames: their bytes, piece by piece in the order of the file.
class record_pieces {
 public:
  void add(const camera_header& header, const camera_layout& layout, std::uint32_t sector, const std::uint16_t* pixels) {
    headers_.push_back(encode(header));
    pieces_.push_back({headers_.back().data(), headers_.back().size()});
    const std::size_t sector_pixels = layout.sector.pixels();
    const std::uint16_t* from = pixels;
    if (layout.split == sector_split::rows) from += sector * sector_pixels;
    if (layout.split == sector_split::columns) {
      std::vector<std::uint16_t>& together = sectors_.emplace_back(sector_pixels);
      for (std::size_t row = 0; row < layout.sector.height; ++row) {
        std::copy_n(pixels + row * camera_frame.width + sector * layout.sector.width, layout.sector.width,
                    together.data() + row * layout.sector.width);
      }
      from = together.data();
    }
    pieces_.push_back({from, sector_pixels * sizeof(std::uint16_t)});
  }
  [[nodiscard]] std::span<const file_piece> pieces() const { return pieces_; }

 private:
  std::deque<camera_header_image> headers_;
  std::deque<std::vector<std::uint16_t>> sectors_;
  std::vector<file_piece> pieces_;
};

/// Files of raw data are never taken for our own: those of a camera have the same names.
constexpr output_kind raw_output_kind{"raw data that this program made", [](const fs::path&) { return false; }};

std::vector<output_file> write_camera(const fs::path& directory, const raw_scan& what, const frame_maker& make_frame) {
  const camera_layout layout = layout_of(what.format);
  if (what.frame != camera_frame) {
    throw invalid_argument(fmt::format("frames of {} x {} pixels cannot be written as {}: the 4D Camera has 576 x 576",
                                       what.frame.height, what.frame.width, to_string(what.format)));
  }
  if (what.scan.width > 0xffff || what.scan.height > 0xffff || what.scan.frames() > 0xffff'ffff) {
    throw invalid_argument(
        fmt::format("a scan of {} x {} positions does not fit into the 4D Camera's headers (65535 x 65535, 2^32 - 1 frames)",
                    what.scan.width, what.scan.height));
  }
  std::vector<output_file> files;
  for (std::uint32_t sector = 0; sector < layout.sectors; ++sector) {
    for (std::uint32_t id = 0; id < what.files_per_module; ++id) {
      const std::string name = fmt::format("{}_scan{:010}_id{:04}_module{}_raw.data", what.stem, what.scan_number, id, sector);
      files.emplace_back(directory / name, raw_output_kind, what.rules);
    }
  }
  for_each_group(what, make_frame, [&](const frame_group& group) {
    for (std::uint32_t sector = 0; sector < layout.sectors; ++sector) {
      for (std::uint64_t first = group.first; first < group.first + std::min<std::uint64_t>(group.count, what.files_per_module);
           ++first) {
        record_pieces records;
        for (std::uint64_t frame = first; frame < group.first + group.count; frame += what.files_per_module) {
          records.add(header_of(frame, what), layout, sector, &group.pixels[(frame - group.first) * what.frame.pixels()]);
        }
        const file_handle& file = files[sector * what.files_per_module + first % what.files_per_module].file();
        file.write_at(first / what.files_per_module * layout.record_bytes(), records.pieces());
      }
    }
  });
  return files;
}

/// One axis of an EMD 0.1 group: a vector of coordinates with name and units.
void write_dimension(hid_t group, int number, hsize_t length, const std::string& name, const std::string& units) {
  std::vector<float> coordinates(length);
  for (std::size_t at = 0; at < coordinates.size(); ++at) coordinates[at] = static_cast<float>(at);
  const std::string path = fmt::format("dim{}", number);
  write_dataset<float>(group, path, {length}, coordinates.data());
  const hdf5_handle dimension(H5Dopen2(group, path.c_str(), H5P_DEFAULT), path);
  write_attribute(dimension, "name", name);
  write_attribute(dimension, "units", units);
}

/// An EMD 0.1 file whose pixels are still to be written; returns the byte where they start.
std::uint64_t lay_out_emd(const output_file& output, const raw_scan& what) {
  const auto lock = hdf5_lock();
  const std::string name = output.path().string();
  // Pixels at whole pages: anywhere else they might lie at odd bytes.
  const hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), name);
  hdf5_check(H5Pset_alignment(access, 1024, 4096), name);
  hdf5_handle file = create_hdf5(output, {H5P_DEFAULT, access});
  write_attribute(file, "version_major", std::int64_t{0});
  write_attribute(file, "version_minor", std::int64_t{2});
  hdf5_handle group = make_group(file, "electron_frames");
  write_attribute(group, "emd_group_type", std::int64_t{1});

  std::vector<std::pair<std::string, hsize_t>> axes{{"scan_y", what.scan.height}, {"scan_x", what.scan.width}};
  if (what.scan.frames_per_position > 1) axes.emplace_back("repeat", what.scan.frames_per_position);
  axes.emplace_back("row", what.frame.height);
  axes.emplace_back("column", what.frame.width);
  std::vector<hsize_t> extent;
  for (const auto& [axis, length] : axes) {
    extent.push_back(length);
    write_dimension(group, static_cast<int>(extent.size()), length, axis, "pixels");
  }

  // Contiguous and laid out at once: the pixels are then written past the library, by many threads.
  const hdf5_handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), name);
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
  hdf5_check(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY), name);
  hdf5_check(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER), name);
  hdf5_check(H5Pset_obj_track_times(creation, false), name);
  hdf5_handle data(H5Dcreate2(group, "data", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), name);
  const haddr_t offset = H5Dget_offset(data);
  if (offset == HADDR_UNDEF) throw io_error(name + ": HDF5 gives no place for the pixels: " + hdf5_last_error());
  data.close(name);
  group.close(name);
  close_hdf5(file, name);
  return offset;
}

std::vector<output_file> write_flat(output_file output, std::uint64_t first_pixel, const raw_scan& what,
                                    const frame_maker& make_frame) {
  const std::size_t frame_bytes = what.frame.pixels() * sizeof(std::uint16_t);
  for_each_group(what, make_frame, [&](const frame_group& group) {
    output.file().write_at(first_pixel + group.first * frame_bytes, group.pixels.data(), group.count * frame_bytes);
  });
  std::vector<output_file> files;
  files.push_back(std::move(output));
  return files;
}

/// DIRECTORY/STEM.ending
output_file single_file(const fs::path& directory, const raw_scan& what, const char* ending) {
  return {directory / (what.stem + ending), raw_output_kind, what.rules};
}

std::vector<output_file> write_raw_file(const fs::path& directory, const raw_scan& what, const frame_maker& make_frame) {
  return write_flat(single_file(directory, what, ".raw"), 0, what, make_frame);
}

std::vector<output_file> write_npy(const fs::path& directory, const raw_scan& what, const frame_maker& make_frame) {
  output_file output = single_file(directory, what, ".npy");
  const std::string header = npy_header_of("<u2", dense_extent(what.scan, what.frame));
  output.file().write_at(0, header.data(), header.size());
  return write_flat(std::move(output), header.size(), what, make_frame);
}

std::vector<output_file> write_emd(const fs::path& directory, const raw_scan& what, const frame_maker& make_frame) {
  output_file output = single_file(directory, what, ".h5");
  const std::uint64_t first_pixel = lay_out_emd(output, what);
  return write_flat(std::move(output), first_pixel, what, make_frame);
}

struct raw_format {
  std::string_view name;
  std::vector<output_file> (*write)(const fs::path& directory, const raw_scan& what, const frame_maker& make_frame);
};

constexpr std::array<raw_format, 6> writable{{{"v5", write_camera},
                                              {"v4", write_camera},
                                              {"v3", write_camera},
                                              {"raw", write_raw_file},
                                              {"npy", write_npy},
                                              {"hdf5", write_emd}}};

}  // namespace

std::vector<output_file> write_raw(const fs::path& directory, const raw_scan& what, const frame_maker& make_frame) {
  if (what.scan.frames() == 0 || what.frame.pixels() == 0 || what.files_per_module == 0) {
    throw invalid_argument("a scan without frames, pixels or files cannot be written");
  }
  make_folder(directory);
  expect_output(directory / what.stem,
                fmt::format("{} frames of {} x {} pixels", what.scan.frames(), what.frame.height, what.frame.width),
                what.scan.frames() * what.frame.pixels() * sizeof(std::uint16_t));
  for (const raw_format& format : writable) {
    if (format.name == what.format.name()) return format.write(directory, what, make_frame);
  }
  throw invalid_argument(
      fmt::format("frames cannot be written as {}: choose v5, v4, v3, raw, npy or hdf5", to_string(what.format)));
}

}  // namespace countem::io
