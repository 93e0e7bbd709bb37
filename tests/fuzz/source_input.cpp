#include "tests/fuzz/source_input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include <countem/error.hpp>
#include <countem/frame_source.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/handle.hpp"
#include "io/simulated/raw_writer.hpp"
#include "io/sources/camera/format.hpp"
#include "tests/fuzz/file_bytes.hpp"
#include "tests/fuzz/hdf5_frames.hpp"
#include "tests/fuzz/instrument_seeds.hpp"
#include "tests/io/new_file.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::fuzz {

namespace {

namespace fs = std::filesystem;

// In an order of its own: an input of the corpus names its format by number.
constexpr std::array<std::string_view, 16> format_names{"v1",   "v2",  "v3",    "v4", "v5",    "raw", "npy", "mrc",
                                                        "hdf5", "mib", "empad", "dm", "tvips", "blo", "ser", "seq"};

const test::temporary_directory& scratch() {
  static const test::temporary_directory directory;
  return directory;
}

bool has_records(input_format format) {
  return format == input_format("v3") || format == input_format("v4") || format == input_format("v5");
}

/// Headers at their places in a file that is otherwise a hole.
void write_records(const fs::path& path, const io::camera_layout& layout, std::span<const std::uint8_t> input) {
  const io::file_handle file = test::new_file(path);
  constexpr std::size_t most_records = 64;
  const std::size_t records = std::min(input.size() / io::camera_header_bytes, most_records);
  for (std::size_t record = 0; record < records; ++record) {
    file.write_at(record * layout.record_bytes(), &input[record * io::camera_header_bytes], io::camera_header_bytes);
  }
  const std::size_t rest = input.size() % io::camera_header_bytes;
  std::uint64_t missing = 0;
  for (const std::uint8_t byte : input.last(rest)) missing = missing << 8 | byte;
  const std::uint64_t bytes = records * layout.record_bytes();
  fs::resize_file(path, bytes - std::min(bytes, missing));
}

/// A description has its frames beside it; some frames have a description: then the first byte is its length.
std::span<const std::uint8_t> take_side_file(input_format format, std::span<const std::uint8_t> input) {
  if (format == input_format("empad")) {
    constexpr std::size_t frames = 6;
    save(scratch() / "scan_x3_y2.raw", std::vector<std::uint8_t>(frames * 130 * 128 * sizeof(float), 1));
    return input;
  }
  if (format != input_format("mib") || input.empty()) return input;
  const std::size_t bytes = std::min<std::size_t>(input[0], input.size() - 1);
  const fs::path side = scratch() / "input_000.hdr";
  fs::remove(side);
  if (bytes > 0) save(side, input.subspan(1, bytes));
  return input.subspan(1 + bytes);
}

/// Every byte that a view promises is there: a sanitizer reports one that is not.
std::uint64_t hash_of(const frame_view& frame) {
  std::uint64_t hash = frame.present + 256U * static_cast<unsigned>(frame.truncated);
  for (std::uint32_t y = 0; frame.present != 0 && y < frame.shape.height; ++y) {
    const std::byte* const row = frame.row(y);
    if (row == nullptr) continue;
    const std::size_t last = frame.shape.width * size_of(frame.type) - 1;
    for (const std::byte byte : {row[0], row[last / 2], row[last]}) hash = hash * 31 + static_cast<unsigned>(byte);
  }
  return hash;
}

void read_some(const frame_source& source) {
  constexpr std::uint64_t most_pixels = 1 << 22;
  const source_info& info = source.info();
  if (info.shape.pixels() > most_pixels) return;
  frame_batch batch;
  const std::uint64_t frames = info.scan.frames();
  for (const std::uint64_t first : {std::uint64_t{0}, frames / 2, frames - 1}) {
    source.read(first, 1, batch);
    const std::uint64_t hash = hash_of(batch.frames.at(0));
    // The same where it lies, with the frame after it.
    const std::size_t count = first + 1 < frames ? 2 : 1;
    source.visit(first, count, 1, batch, [&](std::uint64_t shown, std::span<const frame_view> views) {
      for (const frame_view& view : views) {
        if (shown++ == first && hash_of(view) != hash) throw std::logic_error("a frame is seen otherwise than it is read");
      }
    });
  }
}

/// HDF5 itself leaks a little on damaged files; that we close what we opened is checked here instead.
void require_all_closed() {
  const auto lock = io::hdf5_lock();
  if (H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL) != 0)
    throw std::logic_error("an HDF5 object was left open");
}

void read_or_refuse(const fs::path& path, const source_options& options) {
  try {
    read_some(*open_source({path}, options));
  } catch (const error&) {  // refused: fine; any other exception is not
  }
  require_all_closed();
}

bool begins_as_hdf5(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::uint8_t, 4> signature{0x89, 'H', 'D', 'F'};
  return bytes.size() >= signature.size() && std::equal(signature.begin(), signature.end(), bytes.begin());
}

/// Four frames of 3 x 4 pixels.
fs::path write_sample(input_format format) {
  const auto fill = [](std::uint64_t frame, std::uint16_t* pixels) {
    std::fill_n(pixels, 12, static_cast<std::uint16_t>(frame));
  };
  io::raw_scan what{.format = format, .frame = {3, 4}, .scan = {2, 2, 1}};
  what.rules.existing = existing_file::replaced;
  std::vector<io::output_file> files = io::write_raw(scratch() / "seeds", what, fill);
  return io::finish_all(files).front();
}

std::uint8_t number_of(input_format format) {
  return static_cast<std::uint8_t>(std::find(format_names.begin(), format_names.end(), format.name()) - format_names.begin());
}

}  // namespace

void try_source(std::span<const std::uint8_t> input) {
  if (input.empty()) return;
  const input_format format(format_names[input[0] % format_names.size()]);
  const bool named = input[0] < 128;  // else the format is to be found out
  input = input.subspan(1);
  const bool camera = facts_of(format).family == "4D Camera";
  const fs::path path = scratch() / (camera ? "input_module1_.data" : fmt::format("input_000.{}", to_string(format)));
  if (format == input_format("hdf5")) {
    write_hdf5_frames(path, input);
  } else if (!named && begins_as_hdf5(input)) {
    return;  // not for bytes that nobody checked: see try_hdf5_file
  } else if (has_records(format)) {
    write_records(path, io::layout_of(format), input);
  } else {
    save(path, take_side_file(format, input));
  }
  source_options options;
  options.in_place = true;
  if (named) options.format = format;
  if (format == input_format("raw")) options.raw = raw_layout{{3, 4}, pixel_type::u16, false, 5, 2};
  read_or_refuse(path, options);
}

void try_hdf5_file(std::span<const std::uint8_t> bytes) {
  const fs::path path = scratch() / "input.h5";
  save(path, bytes);
  source_options options;
  options.in_place = true;
  read_or_refuse(path, options);
}

std::vector<std::uint8_t> sound_hdf5_file() {
  return load(write_sample(input_format("hdf5")));
}

std::vector<std::pair<std::string, std::vector<std::uint8_t>>> source_seeds() {
  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> seeds;
  const auto add = [&](const std::string& name, input_format format, const std::vector<std::uint8_t>& rest) {
    std::vector<std::uint8_t> input{number_of(format)};
    input.insert(input.end(), rest.begin(), rest.end());
    seeds.emplace_back(name, input);
  };
  for (const input_format format : {input_format("v3"), input_format("v4"), input_format("v5")}) {
    std::vector<std::uint8_t> headers;
    for (std::uint16_t frame = 0; frame < 6; ++frame) {
      const auto image =
          io::encode({1, frame, 3, 2, static_cast<std::uint16_t>(frame % 3), static_cast<std::uint16_t>(frame / 3)});
      for (const std::byte byte : image) headers.push_back(static_cast<std::uint8_t>(byte));
    }
    add(std::string(to_string(format)), format, headers);
    headers.insert(headers.end(), {1, 0});
    add(std::string(to_string(format)) + "_cut_short", format, headers);
  }
  std::vector<std::uint8_t> block(4096 + 2 * 6 * 2);
  for (const auto& [word, value] : {std::pair{0, 2}, {1, 2}, {2, 3}, {3, 1}, {10, 2}, {11, 1}})
    block[static_cast<std::size_t>(4 * word)] = static_cast<std::uint8_t>(value);
  add("v1", input_format("v1"), block);
  add("v2", input_format("v2"), std::vector<std::uint8_t>(4 + 100));  // cut short: a whole frame would slow everything down
  std::vector<std::uint8_t> mrc(1024 + 2 * 6 * 2);
  for (const auto& [byte, value] : {std::pair{0, 3}, {4, 2}, {8, 2}, {12, 6}, {212, 0x44}, {213, 0x44}})
    mrc[static_cast<std::size_t>(byte)] = static_cast<std::uint8_t>(value);
  std::memcpy(&mrc[208], "MAP ", 4);
  add("mrc", input_format("mrc"), mrc);
  for (const input_format format : {input_format("raw"), input_format("npy")})
    add(std::string(to_string(format)), format, load(write_sample(format)));
  std::vector<std::uint8_t> fortran = load(write_sample(input_format("npy")));
  constexpr std::string_view order = "False";
  const auto at = std::search(fortran.begin(), fortran.end(), order.begin(), order.end());
  if (at == fortran.end()) throw std::logic_error("a .npy sample names no order");
  std::ranges::copy(std::string_view("True "), at);
  add("npy_fortran", input_format("npy"), fortran);
  for (const auto& [name, bytes] : instrument_seeds()) add(name, input_format(name.substr(0, name.find('_'))), bytes);
  for (const auto& [name, recipe] : hdf5_frames_seeds()) add("hdf5_" + name, input_format("hdf5"), recipe);
  return seeds;
}

}  // namespace countem::fuzz
