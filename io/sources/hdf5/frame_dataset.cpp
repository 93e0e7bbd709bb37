#include "io/sources/hdf5/frame_dataset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

#include <countem/error.hpp>

#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/filters.hpp"

namespace countem::io {

namespace fs = std::filesystem;

hid_t memory_type(stored_type type) {
  switch (type) {
    case stored_type::u8: return H5T_NATIVE_UINT8;
    case stored_type::i8: return H5T_NATIVE_INT8;
    case stored_type::u16: return H5T_NATIVE_UINT16;
    case stored_type::i16: return H5T_NATIVE_INT16;
    case stored_type::u32: return H5T_NATIVE_UINT32;
    case stored_type::i32: return H5T_NATIVE_INT32;
    case stored_type::u64: return H5T_NATIVE_UINT64;
    case stored_type::i64: return H5T_NATIVE_INT64;
    case stored_type::f16:  // HDF5 gives its values as floats
    case stored_type::f32: return H5T_NATIVE_FLOAT;
    case stored_type::f64: return H5T_NATIVE_DOUBLE;
  }
  return H5I_INVALID_HID;
}

std::optional<stored_type> number_type_of(hid_t dataset, const std::string& what) {
  using enum stored_type;
  hdf5_handle type(H5Dget_type(dataset), what);
  if (H5Tget_class(type) == H5T_ENUM) type = hdf5_handle(H5Tget_super(type), what);  // as h5py writes booleans
  const H5T_class_t kind = H5Tget_class(type);
  const std::size_t bytes = H5Tget_size(type);
  if (kind == H5T_FLOAT && bytes <= 8) return bytes <= 4 ? f32 : f64;
  if (kind == H5T_INTEGER && bytes <= 8) {
    const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
    if (bytes == 1) return is_signed ? i8 : u8;
    if (bytes == 2) return is_signed ? i16 : u16;
    if (bytes <= 4) return is_signed ? i32 : u32;
    return is_signed ? i64 : u64;
  }
  return std::nullopt;
}

stored_type type_of(hid_t dataset, const std::string& what) {
  const std::optional<stored_type> type = number_type_of(dataset, what);
  if (!type) throw format_error(what + ": its elements are not numbers of up to 64 bits");
  return *type;
}

std::vector<hsize_t> extent_of(hid_t dataset, const std::string& what) {
  const hdf5_handle space(H5Dget_space(dataset), what);
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  return extent;
}

namespace {

/// Stays at 2^64 - 1 where the product is larger.
std::uint64_t product(const std::vector<hsize_t>& factors, std::uint64_t start) {
  return std::accumulate(factors.begin(), factors.end(), start, [](std::uint64_t so_far, hsize_t factor) {
    std::uint64_t result = 0;
    return __builtin_mul_overflow(so_far, factor, &result) ? ~std::uint64_t{0} : result;
  });
}

/// Filters come as plugins, and may not be installed.
void check_filters(hid_t creation, const std::string& what) {
  find_filters();
  for (int number = 0; number < H5Pget_nfilters(creation); ++number) {
    unsigned flags = 0;
    std::size_t values = 0;
    std::array<char, 128> filter_name{};
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(number), &flags, &values, nullptr,
                                               filter_name.size() - 1, filter_name.data(), nullptr);
    if (H5Zfilter_avail(filter) > 0) continue;
    const std::string named = filter_name[0] == '\0' ? "" : fmt::format(" ({})", filter_name.data());
    throw format_error(fmt::format("{}: is compressed with the HDF5 filter {}{}, which is not installed: {}", what, filter,
                                   named, advice_on_filter(filter)));
  }
}

/// How much of the library's chunk cache reading in scan order needs, so that a chunk with frames of several positions is
/// unpacked once.
struct cache_need {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;
};

cache_need cache_of(const std::vector<hsize_t>& extent, const std::vector<hsize_t>& chunk, const frame_axes& axes,
                    std::size_t element_bytes) {
  auto first_wide = std::find_if(axes.scan.begin(), axes.scan.end(), [&](std::size_t axis) { return chunk[axis] > 1; });
  if (first_wide == axes.scan.end()) return {};
  std::vector<std::size_t> behind(first_wide + 1, axes.scan.end());
  behind.insert(behind.end(), {axes.row, axes.column});
  cache_need need{1, 0};
  for (const std::size_t axis : behind) need.chunks *= (extent[axis] + chunk[axis] - 1) / chunk[axis];
  need.bytes = product(chunk, need.chunks * element_bytes);
  return need;
}

}  // namespace

hdf5_handle open_frame_dataset(hid_t file, const std::string& path, const frame_axes& axes, const fs::path& name,
                               issue_list& issues) {
  constexpr std::uint64_t largest_chunk = std::uint64_t{1} << 30;
  constexpr std::uint64_t largest_cache = std::uint64_t{1} << 28;
  const std::string what = name.string() + ": dataset " + path;
  hdf5_handle dataset = open_dataset(file, path, what);
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  check_filters(creation, what);
  const std::vector<hsize_t> extent = extent_of(dataset, what);
  if (H5Pget_layout(creation) != H5D_CHUNKED || extent.size() < 2) return dataset;

  std::vector<hsize_t> chunk(extent.size());
  H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
  const std::size_t element_bytes = size_of(type_of(dataset, what));
  if (product(chunk, element_bytes) > largest_chunk) {
    throw format_error(fmt::format("{}: its chunks of {} x {} bytes are larger than 1 GiB: rewrite it with h5repack -l CHUNK=",
                                   what, fmt::join(chunk, " x "), element_bytes));
  }
  require_whole_chunk(dataset, what);
  const cache_need need = cache_of(extent, chunk, axes, element_bytes);
  if (need.chunks == 0) return dataset;
  if (need.bytes > largest_cache) {
    issues.add("slow_chunks", name, [&] {
      return fmt::format(
          "the chunks of dataset {} ({}) hold frames of many scan positions and are read again and again; h5repack with chunks "
          "of one frame is faster",
          path, fmt::join(chunk, " x "));
    });
  }
  const hdf5_handle access(H5Pcreate(H5P_DATASET_ACCESS), what);
  const std::size_t slots = static_cast<std::size_t>(std::min<std::uint64_t>(need.chunks, 10'000)) * 100 + 1;
  hdf5_check(H5Pset_chunk_cache(access, slots, static_cast<std::size_t>(std::min(need.bytes, largest_cache)), 1.0), what);
  dataset.close();  // a dataset that stays open keeps its first cache
  return open_dataset(file, path, what, access);
}

}  // namespace countem::io
