#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/sources/flat/flat_source.hpp"
#include "io/sources/hdf5/find.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// One dataset with frames behind its leading axes.
struct segment {
  hdf5_handle dataset;
  std::string path;
  std::vector<hsize_t> extent;
  std::uint64_t first_frame = 0;
  std::uint64_t frames = 0;
};

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
    case stored_type::f32: return H5T_NATIVE_FLOAT;
    case stored_type::f64: return H5T_NATIVE_DOUBLE;
  }
  return H5I_INVALID_HID;
}

/// The smallest of our types that holds what the dataset's type does.
stored_type type_of(hid_t dataset, const std::string& what) {
  using enum stored_type;
  const hdf5_handle type(H5Dget_type(dataset), what);
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
  throw format_error(what + ": its elements are not numbers of up to 64 bits");
}

std::vector<hsize_t> extent_of(hid_t dataset, const std::string& what) {
  const hdf5_handle space(H5Dget_space(dataset), what);
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  return extent;
}

/// Stays at 2^64 - 1 where the product is larger.
std::uint64_t product(const std::vector<hsize_t>& factors, std::uint64_t start) {
  return std::accumulate(factors.begin(), factors.end(), start, [](std::uint64_t so_far, hsize_t factor) {
    std::uint64_t result = 0;
    return __builtin_mul_overflow(so_far, factor, &result) ? ~std::uint64_t{0} : result;
  });
}

/// Filters come as plugins, and may not be installed.
void check_filters(hid_t creation, const std::string& what) {
  constexpr H5Z_filter_t bitshuffle = 32008;
  H5PLappend(COUNTEM_HDF5_PLUGINS);  // also where the environment's own plugin path replaces the library's
  for (int number = 0; number < H5Pget_nfilters(creation); ++number) {
    unsigned flags = 0;
    std::size_t values = 0;
    std::array<char, 128> filter_name{};
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(number), &flags, &values, nullptr,
                                               filter_name.size() - 1, filter_name.data(), nullptr);
    if (H5Zfilter_avail(filter) > 0) continue;
    const std::string advice =
        filter == bitshuffle
            ? fmt::format("install the package bitshuffle (it puts libh5bshuf.so into {})", COUNTEM_HDF5_PLUGINS)
            : fmt::format("install its HDF5 plugin into {} or set HDF5_PLUGIN_PATH", COUNTEM_HDF5_PLUGINS);
    throw format_error(fmt::format("{}: is compressed with the HDF5 filter {} ({}), which is not installed: {}", what, filter,
                                   filter_name.data(), advice));
  }
}

/// How much of the library's chunk cache reading in scan order needs, so that a chunk with frames of several positions is
/// unpacked once.
struct cache_need {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;
};

cache_need cache_of(const std::vector<hsize_t>& extent, const std::vector<hsize_t>& chunk, std::size_t element_bytes) {
  const std::size_t leading = extent.size() - 2;
  const auto first_wide =
      static_cast<std::size_t>(std::find_if(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(leading),
                                            [](hsize_t length) { return length > 1; }) -
                               chunk.begin());
  if (first_wide == leading) return {};
  cache_need need{1, 0};
  for (std::size_t axis = first_wide + 1; axis < extent.size(); ++axis)
    need.chunks *= (extent[axis] + chunk[axis] - 1) / chunk[axis];
  need.bytes = product(chunk, need.chunks * element_bytes);
  return need;
}

/// Opens a dataset whose chunks the library can unpack, with a cache that suits reading in scan order.
hdf5_handle open_dataset(hid_t file, const std::string& path, const fs::path& name, issue_list& issues) {
  constexpr std::uint64_t largest_chunk = std::uint64_t{1} << 30;
  constexpr std::uint64_t largest_cache = std::uint64_t{1} << 28;
  const std::string what = name.string() + ": dataset " + path;
  hdf5_handle dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), what);
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
  const cache_need need = cache_of(extent, chunk, element_bytes);
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
  return {H5Dopen2(file, path.c_str(), access), what};
}

class hdf5_source final : public frame_source {
 public:
  hdf5_source(source_info info, stored_type type, std::vector<segment> segments, hdf5_handle file)
      : info_(std::move(info)),
        type_(type),
        segments_(std::move(segments)),
        file_(std::move(file)),
        path_(info_.files.front().path.string()) {}

  const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.clear();
    const std::size_t frame_bytes = info_.shape.pixels() * size_of(info_.type);
    const std::size_t stored_bytes = info_.shape.pixels() * size_of(type_);
    const bool convert = !is_frame_type(type_);
    // Pixels of other types pass through room behind the frames, so that the library's lock is not held while they are
    // converted.
    std::byte* const storage = batch.storage(count * (frame_bytes + (convert ? stored_bytes : 0)));
    std::byte* const stored = convert ? storage + count * frame_bytes : storage;
    for (std::size_t in_batch = 0; in_batch < count; ++in_batch) {
      frame_view frame = contiguous_frame(info_.shape, info_.type, storage + in_batch * frame_bytes);
      if (!fetch(first + in_batch, stored + in_batch * stored_bytes)) {
        frame.bands[0] = nullptr;
        frame.present = 0;
      } else if (convert) {
        convert_frame(first + in_batch, stored + in_batch * stored_bytes, storage + in_batch * frame_bytes);
      }
      batch.frames.push_back(frame);
    }
  }

 private:
  /// The dataset that holds a frame, or null where it is in none.
  [[nodiscard]] const segment* segment_of(std::uint64_t number) const {
    const auto after = std::upper_bound(segments_.begin(), segments_.end(), number,
                                        [](std::uint64_t frame, const segment& part) { return frame < part.first_frame; });
    if (after == segments_.begin()) return nullptr;
    const segment& part = *(after - 1);
    return number - part.first_frame < part.frames ? &part : nullptr;
  }

  [[nodiscard]] bool fetch(std::uint64_t number, std::byte* to) const {
    const segment* const part = segment_of(number);
    if (part == nullptr) return false;
    std::vector<hsize_t> start(part->extent.size());
    std::vector<hsize_t> length(part->extent.size(), 1);
    const std::size_t leading = part->extent.size() - 2;
    std::copy(part->extent.begin() + static_cast<std::ptrdiff_t>(leading), part->extent.end(),
              length.begin() + static_cast<std::ptrdiff_t>(leading));
    std::uint64_t left = number - part->first_frame;
    for (std::size_t axis = leading; axis-- > 0; left /= part->extent[axis]) start[axis] = left % part->extent[axis];

    const auto lock = hdf5_lock();
    const std::string what = fmt::format("{}: frame {} of dataset {}", path_, number, part->path);
    const hdf5_handle file_space(H5Dget_space(part->dataset), what);
    hdf5_check(H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, length.data(), nullptr), what);
    const hdf5_handle memory_space(H5Screate_simple(2, length.data() + leading, nullptr), what);
    if (H5Dread(part->dataset, memory_type(type_), memory_space, file_space, H5P_DEFAULT, to) < 0) {
      throw io_error(fmt::format("{} cannot be read: HDF5 says: {}; check the file with h5dump", what, hdf5_last_error()));
    }
    return true;
  }

  void convert_frame(std::uint64_t number, const std::byte* stored, std::byte* pixels) const {
    if (const auto unfit = convert_pixels(type_, stored, info_.shape.pixels(), pixels)) {
      throw_unfit(path_, number, info_.shape, type_, *unfit);
    }
  }

  source_info info_;
  stored_type type_;
  std::vector<segment> segments_;
  hdf5_handle file_;
  std::string path_;
};

/// DECTRIS numbers the images of each segment from 1.
std::optional<std::uint64_t> first_image(hid_t dataset) {
  if (!has_attribute(dataset, "image_nr_low")) return std::nullopt;
  const std::int64_t number = read_integer_attribute(dataset, "image_nr_low");
  return number < 1 ? std::nullopt : std::optional(static_cast<std::uint64_t>(number - 1));
}

std::string target_of(hid_t file, const std::string& path) {
  H5L_info_t facts{};
  if (H5Lget_info(file, path.c_str(), &facts, H5P_DEFAULT) < 0 || facts.type != H5L_TYPE_EXTERNAL) return "another object";
  std::vector<char> value(facts.u.val_size + 1);
  const char* target = nullptr;
  const char* object = nullptr;
  if (H5Lget_val(file, path.c_str(), value.data(), facts.u.val_size, H5P_DEFAULT) < 0) return "another file";
  if (H5Lunpack_elink_val(value.data(), facts.u.val_size, nullptr, &target, &object) < 0) return "another file";
  return target;
}

/// An extent is only a claim; what it makes us allocate must be in proportion to what is stored, packed as it may be.
void check_claims(hid_t dataset, const array_extent& extent, const fs::path& name, const std::string& what) {
  constexpr std::uint64_t always_believed = std::uint64_t{1} << 28;
  constexpr std::uint64_t best_packing = 1032;  // of deflate
  const std::uint64_t stored = H5Dget_storage_size(dataset);
  if (stored == 0) throw format_error(what + ": was never written");
  check_claimed_scan(extent.scan, stored, name);
  const std::uint64_t frame_bytes = extent.shape.pixels() * size_of(type_of(dataset, what));
  if (frame_bytes > always_believed && frame_bytes / best_packing > stored) {
    throw format_error(fmt::format("{}: claims frames of {} x {} pixels but stores only {} bytes", what, extent.shape.height,
                                   extent.shape.width, stored));
  }
}

/// Opens the datasets and gives each its place in the scan. Segments whose files are not there leave a gap.
std::vector<segment> open_segments(hid_t file, const std::vector<std::string>& paths, const fs::path& name,
                                   issue_list& issues) {
  std::vector<segment> segments;
  std::uint64_t next_frame = 0;
  for (const std::string& path : paths) {
    if (!has_path(file, path)) {
      issues.add("missing_file", name, [&] {
        return fmt::format(
            "dataset {} leads to {}, which cannot be opened: it must lie beside this file; its frames are missing", path,
            target_of(file, path));
      });
      continue;
    }
    const std::string what = name.string() + ": dataset " + path;
    segment part;
    part.dataset = open_dataset(file, path, name, issues);
    part.path = path;
    part.extent = extent_of(part.dataset, what);
    const array_extent extent = extent_of_array({part.extent.begin(), part.extent.end()}, what);
    check_claims(part.dataset, extent, name, what);
    part.first_frame = paths.size() == 1 ? 0 : std::max(next_frame, first_image(part.dataset).value_or(next_frame));
    part.frames = extent.scan.frames();
    next_frame = part.first_frame + part.frames;
    if (next_frame > max_scan_frames) {
      throw format_error(
          fmt::format("{}: its image numbers go to {}, a scan has at most {} frames", what, next_frame, max_scan_frames));
    }
    segments.push_back(std::move(part));
  }
  if (segments.empty()) {
    throw format_error(fmt::format("{}: dataset {} leads to {}, which cannot be opened: it must lie beside this file",
                                   name.string(), paths.front(), target_of(file, paths.front())));
  }
  return segments;
}

void check_segments_alike(const std::vector<segment>& segments, const std::string& name) {
  const segment& first = segments.front();
  for (const segment& part : segments) {
    const bool same_shape = std::equal(part.extent.end() - 2, part.extent.end(), first.extent.end() - 2);
    if (!same_shape || type_of(part.dataset, name) != type_of(first.dataset, name)) {
      throw format_error(
          fmt::format("{}: datasets {} and {} hold frames of different shape or type", name, first.path, part.path));
    }
  }
}

/// Where the pixels of a dataset lie as they are, one after another, in one file: they are then read past the library, by many
/// threads.
std::optional<flat_layout> plain_layout(const segment& part, const array_extent& extent, stored_type type) {
  const hdf5_handle creation(H5Dget_create_plist(part.dataset), part.path);
  if (H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) > 0) return std::nullopt;
  const haddr_t offset = H5Dget_offset(part.dataset);
  if (offset == HADDR_UNDEF) return std::nullopt;  // never written
  const hdf5_handle file_type(H5Dget_type(part.dataset), part.path);
  const bool big_endian = H5Tget_order(file_type) == H5T_ORDER_BE;
  const hdf5_handle expected(H5Tcopy(memory_type(type)), part.path);
  if (size_of(type) > 1) H5Tset_order(expected, big_endian ? H5T_ORDER_BE : H5T_ORDER_LE);
  if (H5Tequal(file_type, expected) <= 0) return std::nullopt;
  return flat_layout{extent.shape, type, big_endian, offset, 0, extent.scan};
}

fs::path file_of(hid_t object, const fs::path& otherwise) {
  const ssize_t length = H5Fget_name(object, nullptr, 0);
  if (length <= 0) return otherwise;
  std::string name(static_cast<std::size_t>(length), '\0');
  H5Fget_name(object, name.data(), name.size() + 1);
  return name;
}

}  // namespace

std::unique_ptr<frame_source> open_hdf5(const fs::path& path, const source_options& options, issue_list issues) {
  const auto lock = hdf5_lock();
  const std::string name = path.string();
  if (H5Fis_hdf5(name.c_str()) <= 0) throw format_error(name + ": is not an HDF5 file");
  const hid_t opened = H5Fopen(name.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (opened < 0) throw format_error(fmt::format("{}: cannot be opened as HDF5: {}", name, hdf5_last_error()));
  hdf5_handle file(opened, name);

  std::vector<segment> segments = open_segments(file, find_frame_datasets(file, options.dataset, name), path, issues);
  check_segments_alike(segments, name);
  const segment& first = segments.front();
  const std::string what = name + ": dataset " + first.path;
  array_extent extent = extent_of_array({first.extent.begin(), first.extent.end()}, what);
  const stored_type type = type_of(first.dataset, what);
  if (segments.size() == 1) {
    if (const auto layout = plain_layout(first, extent, type)) {
      return open_flat(file_handle::open_read(file_of(first.dataset, path)), input_format::hdf5, *layout, options,
                       std::move(issues));
    }
  }

  const std::uint64_t end = segments.back().first_frame + segments.back().frames;
  if (segments.size() > 1 || end > first.frames) extent.scan = {1, static_cast<std::uint32_t>(end), 1};
  source_info info;
  info.format = input_format::hdf5;
  info.shape = extent.shape;
  info.type = frame_type(type);
  info.scan = scan_of_sequence(end, extent.scan, options.scan, path, issues);
  info.missing_frames = info.scan.frames();
  for (const segment& part : segments) {
    info.missing_frames -= std::min(part.frames, info.scan.frames() - std::min(info.scan.frames(), part.first_frame));
  }
  info.files.push_back({path, fs::file_size(path)});
  for (const segment& part : segments) {
    const fs::path holder = file_of(part.dataset, path);
    if (!fs::equivalent(holder, path)) info.files.push_back({holder, fs::file_size(holder)});
  }
  info.issues = issues.take();
  return std::make_unique<hdf5_source>(std::move(info), type, std::move(segments), std::move(file));
}

}  // namespace countem::io
