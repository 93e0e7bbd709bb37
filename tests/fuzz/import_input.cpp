#include "tests/fuzz/import_input.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <countem/convert.hpp>
#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/fuzz/byte_reader.hpp"
#include "tests/fuzz/file_bytes.hpp"
#include "tests/store/eer_samples.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"
#include "tests/store/tpx3_samples.hpp"

namespace countem::fuzz {

namespace {

namespace fs = std::filesystem;

const test::temporary_directory& scratch() {
  static const test::temporary_directory directory;
  return directory;
}

enum class kind : std::uint8_t { stempy, csr, eer, tpx3 };

void write_list(hid_t file, const std::string& path, const std::vector<std::int64_t>& values) {
  io::write_dataset(file, path, {values.size()}, values.data());
}

void write_stempy(hid_t file, byte_reader in) {
  if (const std::uint8_t version = in.byte(); version != 1) io::write_attribute(file, "version", std::int64_t{version});
  write_list(file, "electron_events/scan_positions", in.numbers());
  const io::hdf5_handle scan(H5Dopen2(file, "electron_events/scan_positions", H5P_DEFAULT), "scan_positions");
  io::write_attribute(scan, "Nx", in.number());
  io::write_attribute(scan, "Ny", in.number());
  std::vector<std::vector<std::uint32_t>> rows(in.byte() % 32U);
  for (auto& row : rows) {
    for (const std::int64_t value : in.numbers()) row.push_back(static_cast<std::uint32_t>(value));
  }
  std::vector<hvl_t> lists;
  for (auto& row : rows) lists.push_back({row.size(), row.data()});
  const io::hdf5_handle type(H5Tvlen_create(H5T_NATIVE_UINT32), "type");
  const hsize_t count = lists.size();
  const io::hdf5_handle space(H5Screate_simple(1, &count, nullptr), "space");
  const io::hdf5_handle frames(H5Dcreate2(file, "electron_events/frames", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                               "frames");
  if (count > 0) io::hdf5_check(H5Dwrite(frames, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, lists.data()), "frames");
  io::write_attribute(frames, "Nx", in.number());
  io::write_attribute(frames, "Ny", in.number());
}

void write_csr(hid_t file, byte_reader in) {
  const std::string tag = in.text();
  io::write_attribute(file, "binsparse", tag.empty() ? R"({"binsparse": {"version": "0.1", "format": "CSR"}})" : tag);
  for (const char* name : {"pointers_to_1", "indices_1", "values"}) write_list(file, name, in.numbers());
  for (const char* name : {"height", "width", "scan_height", "scan_width", "frames_per_position"})
    io::write_attribute(file, name, in.number());
}

/// Verifying goes through every pixel: not of frames of 2^32 of them, so that more inputs are tried.
bool is_soon_verified(const fs::path& store) {
  const store_description made = open_event_store(store)->description();
  constexpr std::uint64_t most_pixels = std::uint64_t{1} << 24U;
  return made.shape.pixels() <= most_pixels && made.scan.frames() <= most_pixels / made.shape.pixels();
}

void import_or_refuse(const fs::path& path) {
  const fs::path output = scratch() / "output.h5";
  bool imported = false;
  try {
    import_events(path, output, {});
    imported = true;
  } catch (const error&) {  // refused: fine; any other exception is not
  }
  if (imported && is_soon_verified(output) && !verify_event_store(output, 1).empty())
    throw std::logic_error("an imported store does not verify");
  const auto lock = io::hdf5_lock();
  if (H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL) != 0)
    throw std::logic_error("an HDF5 object was left open");
}

}  // namespace

void try_import(std::span<const std::uint8_t> input) {
  if (input.empty()) return;
  const auto made_of = static_cast<kind>(input[0] % 4);
  if (made_of == kind::eer || made_of == kind::tpx3) return try_import_file(input.subspan(1));
  const fs::path path = scratch() / "input.h5";
  {
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), path);
    const byte_reader parts(input.subspan(1));
    made_of == kind::stempy ? write_stempy(file, parts) : write_csr(file, parts);
  }
  import_or_refuse(path);
}

void try_import_file(std::span<const std::uint8_t> bytes) {
  const fs::path path = scratch() / "input.h5";
  save(path, bytes);
  import_or_refuse(path);
}

std::vector<std::pair<std::string, std::vector<std::uint8_t>>> import_seeds() {
  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> seeds;
  const auto add = [&](const std::string& name, kind made_of, const std::vector<std::uint8_t>& rest) {
    std::vector<std::uint8_t> input{static_cast<std::uint8_t>(made_of)};
    input.insert(input.end(), rest.begin(), rest.end());
    seeds.emplace_back(name, input);
  };
  // Version, positions, scan of 2 x 1, two rows, frames of 4 x 5.
  for (const std::uint8_t version : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}})
    add("stempy_v" + std::to_string(version), kind::stempy, {version, 2, 0, 1, 2, 1, 2, 3, 1, 1, 19, 1, 7, 4, 5});
  add("stempy_repeats", kind::stempy, {2, 3, 0, 1, 1, 2, 1, 3, 1, 3, 0, 2, 4, 4, 4, 5});
  // No tag, three pointers, indices and values, frames of 4 x 5 in a scan of 1 x 2.
  add("csr", kind::csr, {0, 3, 0, 1, 3, 3, 7, 0, 19, 3, 1, 2, 1, 4, 5, 1, 2, 1});
  add("csr_iso", kind::csr, {0, 3, 0, 1, 3, 3, 7, 0, 19, 1, 1, 4, 5, 1, 2, 1});
  const std::string file = test::tiff_file({{.compression = 1, .strips = {"12345678"}, .metadata = "<metadata/>"},
                                            {.strips = {test::two_electrons()}},
                                            {.strips = {test::no_electrons()}}});
  add("eer", kind::eer, {file.begin(), file.end()});
  const std::string hits = test::two_positions();
  add("tpx3", kind::tpx3, {hits.begin(), hits.end()});
  return seeds;
}

std::vector<std::pair<std::string, std::vector<std::uint8_t>>> importable_files() {
  test::write_store(scratch() / "store.h5", test::description_of({4, 5}, {2, 3, 1}), {}, 3, 4);
  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> files;
  for (const auto& [name, form] : {std::pair{"stempy_file", export_format::stempy}, {"csr_file", export_format::csr}}) {
    (void)export_events(*open_event_store(scratch() / "store.h5"), scratch() / name, form);
    files.emplace_back(name, load(scratch() / name));
  }
  return files;
}

}  // namespace countem::fuzz
