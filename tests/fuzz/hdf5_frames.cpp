#include "tests/fuzz/hdf5_frames.hpp"

#include <algorithm>
#include <array>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/fuzz/byte_reader.hpp"

namespace countem::fuzz {

namespace {

using io::hdf5_check;
using io::hdf5_handle;

enum class part : std::uint8_t { dataset, text, number, soft_link, external_link };
constexpr std::array parts{part::dataset, part::text, part::number, part::soft_link, part::external_link};

/// Names that readers look for; the empty one stands for any other. Inputs have them by number: new ones come last.
constexpr std::array paths{"/entry/data/data_000001",
                           "/entry/data/data_000002",
                           "/entry/data",
                           "/entry",
                           "/",
                           "/scan/data",
                           "/scan",
                           "/entry/data/data_000004",
                           "/entry/instrument/detector/detectorSpecific/nimages",
                           "/entry/instrument/detector/detectorSpecific/ntrigger",
                           "/entry/instrument/detector/pixel_mask",
                           "/Version",
                           "/Data/Image/a/Data",
                           "/signals/a/data",
                           "/signals/a",
                           "",
                           "/ImageList/[0]/ImageData/Data",
                           "/ImageList/[0]/ImageData",
                           "/ImageList/[0]/ImageData/Dimensions",
                           "/ImageList/[0]/ImageTags/Meta Data",
                           "/ImageList/[0]/ImageData/Calibrations/Dimension/[0]",
                           "/ImageList/[1]/ImageData/Data",
                           "/Thumbnails/[0]"};
/// Where external links lead: to the file itself, and nowhere. Not to files that hold bytes of earlier inputs.
constexpr std::array other_files{"input.hdf5", "missing.hdf5"};
constexpr std::array attributes{
    "signal", "default",  "emd_group_type", "image_nr_low", "MATLAB_class", "NX_class", "version_major",
    "",       "DataType", "PixelDepth",     "[0]",          "[1]",          "[2]",      "Data Order Swapped",
    "Format", "Scale",    "Units",          "ImageIndex"};

std::string name_of(byte_reader& in, std::span<const char* const> known) {
  const std::string name = in.one_of(known);
  return name.empty() ? in.text() : name;
}

hdf5_handle type_of(byte_reader& in) {
  const hid_t numbers[]{H5T_STD_U16LE,  H5T_STD_U8LE,   H5T_STD_I8LE,  H5T_STD_I16LE, H5T_STD_U32LE,
                        H5T_STD_I32LE,  H5T_STD_U64LE,  H5T_STD_I64LE, H5T_STD_U16BE, H5T_STD_U32BE,
                        H5T_IEEE_F32LE, H5T_IEEE_F64BE, H5T_C_S1,      H5T_STD_B16LE, H5T_STD_REF_OBJ};
  hdf5_handle type(H5Tcopy(in.one_of(numbers)), "type");
  switch (in.byte() % 16U) {
    case 1: return {H5Tvlen_create(type), "list type"};
    case 2: {
      hdf5_handle choice(H5Tenum_create(type), "enumeration type");
      constexpr std::array<std::uint8_t, 64> value{1};
      hdf5_check(H5Tenum_insert(choice, "one", value.data()), "enumeration type");
      return choice;
    }
    case 3: {
      hdf5_handle pair(H5Tcreate(H5T_COMPOUND, 2 * H5Tget_size(type)), "compound type");
      hdf5_check(H5Tinsert(pair, "first", 0, type), "compound type");
      return pair;
    }
    case 4: hdf5_check(H5Tset_size(type, 1U + in.byte() % 16U), "size of a type"); return type;
    case 5: hdf5_check(H5Tset_precision(type, 1U + in.byte() % 64U), "precision of a type"); return type;
    default: return type;
  }
}

/// Layout, chunks and filters.
hdf5_handle creation_of(byte_reader& in, const std::vector<hsize_t>& extent) {
  hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
  const std::uint8_t choice = in.byte();
  if (choice % 4 == 1 && !extent.empty()) {
    std::vector<hsize_t> chunk(extent.size());
    for (hsize_t& length : chunk) length = static_cast<hsize_t>(in.number());
    hdf5_check(H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data()), "chunks");
    if ((choice & 16) != 0) hdf5_check(H5Pset_shuffle(creation), "shuffle");
    if ((choice & 32) != 0) hdf5_check(H5Pset_deflate(creation, 1), "deflate");
    if ((choice & 64) != 0) hdf5_check(H5Pset_fletcher32(creation), "checksum");
    // A filter that nobody has.
    if ((choice & 128) != 0) hdf5_check(H5Pset_filter(creation, 40'000, H5Z_FLAG_OPTIONAL, 0, nullptr), "unknown filter");
  }
  if (choice % 4 == 2) hdf5_check(H5Pset_layout(creation, H5D_COMPACT), "compact layout");
  return creation;
}

void write_values(hid_t dataset, byte_reader& in, const std::vector<hsize_t>& extent) {
  constexpr hsize_t most = 4096;
  hsize_t elements = 1;
  for (const hsize_t length : extent) elements = length > most ? most + 1 : std::min(most + 1, elements * length);
  if (elements > most) return;
  std::vector<std::int64_t> values(elements);
  for (std::int64_t& value : values) value = in.number();
  const hdf5_handle type(H5Dget_type(dataset), "type");
  if (H5Tget_class(type) != H5T_INTEGER && H5Tget_class(type) != H5T_FLOAT) return;
  hdf5_check(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "values");
}

void add_dataset(hid_t file, byte_reader& in) {
  const std::string path = name_of(in, paths);
  std::vector<hsize_t> extent(in.byte() % 7U);
  for (hsize_t& length : extent) length = static_cast<hsize_t>(in.number());
  const hdf5_handle space(
      extent.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
      "space");
  const hdf5_handle type = type_of(in);
  const hdf5_handle creation = creation_of(in, extent);
  const hdf5_handle links(H5Pcreate(H5P_LINK_CREATE), "links");
  hdf5_check(H5Pset_create_intermediate_group(links, 1), "links");
  const hdf5_handle dataset(H5Dcreate2(file, path.c_str(), type, space, links, creation, H5P_DEFAULT), path);
  if (in.byte() % 4 != 3) write_values(dataset, in, extent);  // else it stays unwritten
}

void add_part(hid_t file, byte_reader& in) {
  const part kind = in.one_of(parts);
  if (kind == part::dataset) return add_dataset(file, in);
  const std::string path = name_of(in, paths);
  if (kind == part::text || kind == part::number) {
    const std::string attribute = name_of(in, attributes);
    const hdf5_handle object =
        io::has_path(file, path) ? hdf5_handle(H5Oopen(file, path.c_str(), H5P_DEFAULT), path) : io::make_group(file, path);
    if (kind == part::text) return io::write_attribute(object, attribute, in.text());
    return io::write_attribute(object, attribute, in.number());
  }
  const std::string target = name_of(in, paths);
  if (kind == part::soft_link) {
    hdf5_check(H5Lcreate_soft(target.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT), path);
  } else {
    const char* const other = in.one_of(other_files);
    hdf5_check(H5Lcreate_external(other, target.c_str(), file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT), path);
  }
}

}  // namespace

void write_hdf5_frames(const std::filesystem::path& path, std::span<const std::uint8_t> recipe) {
  const auto lock = io::hdf5_lock();
  const hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), path);
  byte_reader in(recipe);
  for (unsigned left = in.byte() % 8U; left > 0; --left) {
    try {
      add_part(file, in);
    } catch (const error&) {  // HDF5 refuses this part
    }
  }
}

std::vector<std::pair<std::string, std::vector<std::uint8_t>>> hdf5_frames_seeds() {
  // How many parts. A dataset: 0, path, rank, extent, type and its form, layout (chunks), whether written, values.
  // Text and numbers: 1 or 2, path, attribute, value. Links: 3 or 4, path, target, and with 4 the other file.
  const auto join = [](std::initializer_list<std::vector<std::uint8_t>> list) {
    std::vector<std::uint8_t> all{static_cast<std::uint8_t>(list.size())};
    for (const auto& one : list) all.insert(all.end(), one.begin(), one.end());
    return all;
  };
  return {
      {"contiguous", join({{0, 5, 4, 1, 2, 4, 4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}})},
      {"chunked", join({{0, 5, 3, 2, 4, 4, 0, 0, 1 + 16 + 32, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}})},
      {"numbered", join({{0, 0, 3, 1, 2, 3, 10, 0, 0, 0, 1, 2, 3, 4, 5, 6},
                         {0, 1, 3, 1, 2, 3, 10, 0, 0, 0, 6, 5, 4, 3, 2, 1},
                         {2, 1, 3, 2}})},
      {"nexus", join({{0, 0, 3, 1, 2, 3, 9, 0, 0, 0, 1, 2, 3, 4, 5, 6},
                      {1, 4, 1, 10, 'e', 'n', 't', 'r', 'y', '/', 'd', 'a', 't', 'a'},
                      {1, 2, 0, 11, 'd', 'a', 't', 'a', '_', '0', '0', '0', '0', '0', '1'}})},
      {"emd", join({{0, 5, 4, 1, 2, 2, 3, 11, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 6, 2, 1}})},
      {"matlab", join({{0, 5, 3, 2, 4, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3,
                        4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3},
                       {1, 5, 4, 2, 'u', '2'}})},
      {"hyperspy", join({{0, 13, 4, 4, 4, 1, 2, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3,
                          4, 5,  6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3},
                         {1, 4, 6, 1, '0'}})},
      {"dm5", join({{0, 16, 3, 2, 2, 3, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                    {2, 17, 8, 10},
                    {2, 18, 10, 3},
                    {2, 18, 11, 2},
                    {2, 18, 12, 2},
                    {2, 20, 15, 1}})},
      {"links", join({{0, 15, 2, '/', 'x', 3, 1, 4, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1},
                      {3, 15, 2, '/', 'y', 15, 2, '/', 'x'},
                      {4, 15, 2, '/', 'z', 15, 2, '/', 'x', 1}})},
  };
}

}  // namespace countem::fuzz
