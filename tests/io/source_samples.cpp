#include "tests/io/source_samples.hpp"

#include <array>

#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/io/instrument_samples.hpp"
#include "tests/io/sample_bytes.hpp"

namespace countem::testing_io {

namespace {

constexpr frame_shape small{9, 7};

std::vector<fs::path> write_as(const input_format& format, frame_shape shape, const fs::path& directory,
                               const scan_shape& scan) {
  return write_pattern(directory, {.format = format, .frame = shape, .scan = scan});
}

std::vector<char> v1_block(std::uint32_t images, frame_shape shape) {
  std::vector<std::uint32_t> header{images, shape.height, shape.width, 1, 0, 0, 0, 0, 0, 0};
  for (std::uint32_t image = 1; image <= images && header.size() < 1024; ++image) header.push_back(image);
  header.resize(1024);
  std::vector<char> bytes;
  append(bytes, header);
  return bytes;
}

source_sample v1() {
  source_sample sample{.name = "v1", .format = io::camera::v1, .shape = small};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    std::vector<char> bytes = v1_block(static_cast<std::uint32_t>(scan.frames()), small);
    append_frames(bytes, scan.frames(), small);
    return std::vector{put(directory, "frames.data", bytes)};
  };
  sample.write_absurd = [](const fs::path& directory) { return put(directory, "absurd.data", v1_block(1000, {65535, 65535})); };
  sample.knows_scan = false;
  sample.found_out = false;
  return sample;
}

// A whole block has 1600 frames, 1 GB: this one ends early, between two frames.
source_sample v2() {
  source_sample sample{.name = "v2", .format = io::camera::v2, .shape = io::camera_frame};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    std::vector<char> bytes(4);
    append_frames(bytes, scan.frames(), io::camera_frame);
    return std::vector{put(directory, "frames.data", bytes)};
  };
  sample.knows_scan = false;
  sample.found_out = false;
  sample.issues = {"truncated_record", "position_outside_scan"};
  return sample;
}

source_sample records(const input_format& version) {
  source_sample sample{.name = std::string(to_string(version)), .format = version, .shape = io::camera_frame};
  sample.write = [version](const fs::path& directory, const scan_shape& scan) {
    return write_as(version, io::camera_frame, directory, scan);
  };
  sample.write_absurd = [version](const fs::path& directory) {
    const fs::path file = write_as(version, io::camera_frame, directory, {1, 1, 1}).front();
    edit_header(file, 0, version, [](io::camera_header& header) { header.scan_width = header.scan_height = 65535; });
    return file;
  };
  sample.found_out = version != io::camera::v4;       // its headers are those of v5
  sample.shown_in_place = version != io::camera::v4;  // its sectors must be put side by side
  return sample;
}

source_sample raw() {
  source_sample sample{.name = "raw", .format = input_format("raw"), .shape = small};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    return write_as(input_format("raw"), small, directory, scan);
  };
  sample.knows_scan = false;
  sample.found_out = false;
  return sample;
}

source_sample npy() {
  source_sample sample{.name = "npy", .format = input_format("npy"), .shape = small};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    return write_as(input_format("npy"), small, directory, scan);
  };
  sample.write_absurd = [](const fs::path& directory) {
    const std::string dictionary = "{'descr': '<u2', 'fortran_order': False, 'shape': (4000000000, 4000000000, 9, 7), }\n";
    std::string header = "\x93NUMPY";
    header += {'\1', '\0', static_cast<char>(dictionary.size()), '\0'};
    header += dictionary;
    std::vector<char> bytes(header.begin(), header.end());
    append_frames(bytes, 3, small);
    return put(directory, "absurd.npy", bytes);
  };
  return sample;
}

std::vector<char> mrc_bytes(std::int32_t sections, std::uint64_t frames) {
  std::vector<std::int32_t> words(256);
  words[0] = static_cast<std::int32_t>(small.width);
  words[1] = static_cast<std::int32_t>(small.height);
  words[2] = sections;
  words[3] = 6;
  std::vector<char> bytes;
  append(bytes, words);
  std::memcpy(&bytes[208], "MAP \x44\x44\0\0", 8);
  append_frames(bytes, frames, small);
  return bytes;
}

source_sample mrc() {
  source_sample sample{.name = "mrc", .format = input_format("mrc"), .shape = small};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    return std::vector{put(directory, "frames.mrc", mrc_bytes(static_cast<std::int32_t>(scan.frames()), scan.frames()))};
  };
  sample.write_absurd = [](const fs::path& directory) { return put(directory, "absurd.mrc", mrc_bytes(2'000'000'000, 3)); };
  sample.knows_scan = false;
  return sample;
}

/// One dataset of big-endian frames in chunks of one frame, of which the first `written` are written.
fs::path write_chunked(const fs::path& directory, const std::vector<hsize_t>& leading, std::uint64_t written) {
  fs::create_directories(directory);
  const auto lock = io::hdf5_lock();
  const fs::path path = directory / "chunked.h5";
  const io::hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "sample");
  std::vector<hsize_t> extent = leading;
  extent.insert(extent.end(), {small.height, small.width});
  std::vector<hsize_t> chunk(leading.size(), 1);
  chunk.insert(chunk.end(), {small.height, small.width});
  const auto rank = static_cast<int>(extent.size());
  const io::hdf5_handle space(H5Screate_simple(rank, extent.data(), nullptr), "sample");
  const io::hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "sample");
  H5Pset_chunk(creation, rank, chunk.data());
  H5Pset_deflate(creation, 1);
  const io::hdf5_handle data(H5Dcreate2(file, "frames", H5T_STD_U16BE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "sample");
  const io::hdf5_handle memory(H5Screate_simple(rank, chunk.data(), nullptr), "sample");
  for (std::uint64_t frame = 0; frame < written; ++frame) {
    std::vector<hsize_t> start(extent.size());
    std::uint64_t left = frame;
    for (std::size_t axis = leading.size(); axis-- > 0; left /= leading[axis]) start[axis] = left % leading[axis];
    const io::hdf5_handle place(H5Dget_space(data), "sample");
    H5Sselect_hyperslab(place, H5S_SELECT_SET, start.data(), nullptr, chunk.data(), nullptr);
    const auto pixels = pattern_frame(frame, small);
    io::hdf5_check(H5Dwrite(data, H5T_NATIVE_UINT16, memory, place, H5P_DEFAULT, pixels.data()), "sample");
  }
  return path;
}

source_sample hdf5_chunked() {
  source_sample sample{.name = "hdf5_chunked", .format = input_format("hdf5"), .shape = small};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    std::vector<hsize_t> leading{scan.height, scan.width};
    if (scan.frames_per_position > 1) leading.push_back(scan.frames_per_position);
    return std::vector{write_chunked(directory, leading, scan.frames())};
  };
  sample.write_absurd = [](const fs::path& directory) { return write_chunked(directory, {1 << 20, 1 << 20}, 3); };
  sample.shown_in_place = false;
  sample.opens_when_cut = false;  // HDF5 itself refuses
  return sample;
}

source_sample hdf5_contiguous() {
  source_sample sample = hdf5_chunked();
  sample.name = "hdf5_contiguous";
  sample.shape = {33, 64};  // large enough for the writer to put them at whole pages
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    return write_as(input_format("hdf5"), {33, 64}, directory, scan);
  };
  sample.shown_in_place = true;
  return sample;
}

}  // namespace

source_options source_sample::options() const {
  source_options made = as(format);
  if (facts_of(format).needs_layout) made.raw = raw_layout{shape, pixel_type::u16};
  return made;
}

const std::vector<source_sample>& source_samples() {
  static const std::vector<source_sample> all = [] {
    std::vector<source_sample> samples{
        v1(),  v2(),  records(io::camera::v3), records(io::camera::v4), records(io::camera::v5), raw(),
        npy(), mrc(), hdf5_chunked(),          hdf5_contiguous()};
    for (source_sample& sample : instrument_samples()) samples.push_back(std::move(sample));
    return samples;
  }();
  return all;
}

}  // namespace countem::testing_io
