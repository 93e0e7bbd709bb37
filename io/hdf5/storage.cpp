#include "io/hdf5/storage.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/text.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// Virtual datasets may be made of virtual datasets.
constexpr unsigned deepest = 8;
/// Bytes that deflate can make of one, at most.
constexpr std::uint64_t best_packing = 1032;

fs::path file_of(hid_t object, const std::string& what) {
  const ssize_t length = H5Fget_name(object, nullptr, 0);
  if (length < 0) hdf5_check(-1, what);
  std::string name(static_cast<std::size_t>(length), '\0');
  H5Fget_name(object, name.data(), name.size() + 1);
  return name;
}

/// Links resolved as far as the file is there; empty where the system refuses.
fs::path resolved(const fs::path& path) {
  std::error_code failure;
  const fs::path found = fs::weakly_canonical(fs::absolute(path, failure), failure);
  return failure ? fs::path() : found;
}

[[noreturn]] void refuse_place(const fs::path& holder, const std::string& name, const std::string& what) {
  throw format_error(what + " lies in " + name + ", which is not beside " + holder.string() +
                     ": bytes are read from files of the same folder alone");
}

/// Which symbolic links beside a file are followed to other folders. An HDF5 file that a user linked there is meant; raw bytes
/// could be those of anything.
enum class followed_links : std::uint8_t { none, to_hdf5 };

/// The file beside `holder` that is named so, there or not; where `holder` is a link, beside the link or beside its target.
/// @throws format_error when it is not beside it
fs::path beside(const fs::path& holder, const std::string& name, followed_links followed, const std::string& what) {
  std::error_code failure;
  if (!fs::exists(holder, failure)) refuse_place(holder, name, what);  // a file in memory
  const fs::path folders[] = {resolved(fs::absolute(holder).parent_path()), resolved(holder).parent_path()};
  const fs::path* const there =
      std::find_if(std::begin(folders), std::end(folders), [&](const fs::path& folder) { return fs::exists(folder / name); });
  const fs::path named = (there == std::end(folders) ? folders[0] : *there) / name;
  const fs::path file =
      followed == followed_links::to_hdf5 ? resolved(named.parent_path()) / named.filename() : resolved(named);
  // HDF5 looks for what is not beside the file in the working directory.
  const bool elsewhere = there == std::end(folders) && fs::exists(name, failure);
  if (elsewhere || std::find(std::begin(folders), std::end(folders), file.parent_path()) == std::end(folders)) {
    refuse_place(holder, name, what);
  }
  return file;
}

/// @throws format_error when a link led from the file of `location` to one of another folder
void require_beside(hid_t location, hid_t object, const std::string& what) {
  const fs::path from = file_of(location, what);
  const fs::path to = file_of(object, what);
  if (from != to) (void)beside(from, fs::absolute(to).string(), followed_links::to_hdf5, what);
}

std::string external_name(hid_t creation, unsigned number, const std::string& what) {
  std::vector<char> name(4096);
  off_t offset = 0;
  hsize_t size = 0;
  hdf5_check(H5Pget_external(creation, number, name.size(), name.data(), &offset, &size), what);
  if (name.back() != '\0') throw format_error(what + " names a file by more than 4,096 bytes");
  return name.data();
}

/// The source of one part, without its number.
virtual_source source_of(hid_t creation, std::size_t number, const fs::path& holder, const std::string& what) {
  const auto text = [&](auto get) {
    return hdf5_text([&](char* to, std::size_t bytes) { return get(creation, number, to, bytes); }, what);
  };
  const std::string name = text(H5Pget_virtual_filename);
  virtual_source source{holder, text(H5Pget_virtual_dsetname), false, {}};
  if (name == ".") return source;
  if (name.find('%') != std::string::npos) {
    throw format_error(what + " names its parts by the pattern " + name + ": make a virtual dataset of named files");
  }
  source.file = beside(holder, name, followed_links::to_hdf5, what);
  source.is_other_file = true;
  return source;
}

/// Follows a dataset to all files that its bytes come from, and refuses one that lies elsewhere.
class storage_walk {
 public:
  storage_walk(hid_t dataset, const std::string& what) : what_(what) { take(dataset, 0); }

  std::vector<fs::path> files;

 private:
  void take(hid_t dataset, unsigned depth) {
    if (depth > deepest) throw format_error(what_ + " is made of virtual datasets that are nested too deep");
    const hdf5_handle creation(H5Dget_create_plist(dataset), what_);
    const fs::path holder = file_of(dataset, what_);
    const int externals = H5Pget_external_count(creation);
    for (int number = 0; number < externals; ++number) {
      files.push_back(
          beside(holder, external_name(creation, static_cast<unsigned>(number), what_), followed_links::none, what_));
    }
    for (const virtual_source& source : makeup_of(dataset, what_).sources) {
      if (!known_.emplace(source.file, source.path).second) continue;
      if (source.is_other_file) files.push_back(source.file);
      const opened_source opened = open_source(dataset, source, what_);
      if (opened.dataset) take(opened.dataset, depth + 1);
    }
  }

  const std::string& what_;
  std::set<std::pair<fs::path, std::string>> known_;  ///< files and paths of sources
};

/// Empty where HDF5 did not open it.
hdf5_handle if_opened(hid_t id, const std::string& what) {
  return id < 0 ? hdf5_handle() : hdf5_handle(id, what);
}

/// Whether bytes of it are sought in other files.
bool lies_elsewhere(hid_t dataset, const std::string& what) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  return H5Pget_external_count(creation) > 0 || H5Pget_layout(creation) == H5D_VIRTUAL;
}

/// What is known of a dataset's filters.
struct known_filters {
  bool all = true;                  ///< none but deflate and shuffle
  std::optional<unsigned> deflate;  ///< its place among them
};

known_filters filters_of(hid_t creation) {
  known_filters found;
  for (int number = 0; number < H5Pget_nfilters(creation); ++number) {
    unsigned flags = 0;
    std::size_t values = 0;
    const auto at = static_cast<unsigned>(number);
    const H5Z_filter_t filter = H5Pget_filter2(creation, at, &flags, &values, nullptr, 0, nullptr, nullptr);
    if (filter == H5Z_FILTER_DEFLATE && !found.deflate) {
      found.deflate = at;
    } else if (filter != H5Z_FILTER_SHUFFLE) {
      found.all = false;
    }
  }
  return found;
}

/// Bytes of an unpacked chunk.
std::uint64_t chunk_bytes(hid_t dataset, hid_t creation, const std::string& what) {
  const hdf5_handle type(H5Dget_type(dataset), what);
  std::array<hsize_t, H5S_MAX_RANK> extent{};
  const int rank = H5Pget_chunk(creation, H5S_MAX_RANK, extent.data());
  std::uint64_t bytes = H5Tget_size(type);
  constexpr std::uint64_t too_many = std::uint64_t{1} << 31;  // for one more 32-bit extent, too
  for (int axis = 0; axis < std::clamp(rank, 0, H5S_MAX_RANK) && bytes < too_many; ++axis)
    bytes *= extent[static_cast<std::size_t>(axis)];
  return bytes;
}

}  // namespace

hdf5_handle open_dataset(hid_t location, const std::string& path, std::string what, hid_t access) {
  const auto lock = hdf5_lock();
  if (what.empty()) what = "dataset " + path;
  if (!has_path(location, path)) throw format_error(what + " is missing");
  hdf5_handle dataset = if_opened(H5Dopen2(location, path.c_str(), access), what);
  if (!dataset || lies_elsewhere(dataset, what)) {
    dataset.close();  // a dataset that stays open keeps where its parts are sought
    const hdf5_handle properties(access == H5P_DEFAULT ? H5Pcreate(H5P_DATASET_ACCESS) : H5Pcopy(access), what);
    hdf5_check(H5Pset_efile_prefix(properties, "${ORIGIN}"), what);
    hdf5_check(H5Pset_virtual_prefix(properties, "${ORIGIN}"), what);
    dataset = if_opened(H5Dopen2(location, path.c_str(), properties), what);
    if (!dataset) throw_hdf5(what + " is no dataset, or damaged", hdf5_last_failure());
  }
  require_beside(location, dataset, what);
  (void)storage_walk(dataset, what);
  return dataset;
}

hdf5_handle open_group(hid_t location, const std::string& path) {
  const auto lock = hdf5_lock();
  if (!has_path(location, path)) throw format_error("group " + path + " is missing");
  const hid_t opened = H5Gopen2(location, path.c_str(), H5P_DEFAULT);
  if (opened < 0) throw_hdf5(path + " is no group, or damaged", hdf5_last_failure());
  hdf5_handle group(opened, "group " + path);
  require_beside(location, group, "group " + path);
  return group;
}

std::vector<fs::path> files_behind(hid_t dataset, const std::string& what) {
  return storage_walk(dataset, what).files;
}

virtual_makeup makeup_of(hid_t dataset, const std::string& what) {
  virtual_makeup makeup{{H5Dget_create_plist(dataset), what}, 0, {}};
  if (H5Pget_layout(makeup.creation) != H5D_VIRTUAL) return makeup;
  const fs::path holder = file_of(dataset, what);
  hdf5_check(H5Pget_virtual_count(makeup.creation, &makeup.parts), what);
  std::map<std::pair<fs::path, std::string>, std::size_t> known;
  for (std::size_t number = 0; number < makeup.parts; ++number) {
    virtual_source source = source_of(makeup.creation, number, holder, what);
    const auto [place, fresh] = known.try_emplace({source.file, source.path}, makeup.sources.size());
    if (fresh) makeup.sources.push_back(std::move(source));
    makeup.sources[place->second].parts.push_back(number);
  }
  return makeup;
}

opened_source open_source(hid_t dataset, const virtual_source& source, const std::string& what) {
  opened_source opened;
  if (!source.is_other_file) {
    opened.file = hdf5_handle(H5Iget_file_id(dataset), what);  // where paths without a leading slash begin
  } else if (fs::exists(source.file)) {
    try {
      opened.file = open_hdf5(source.file);
    } catch (const format_error&) {  // HDF5 reads no values from it either
    }
  }
  if (!opened.file || !naming(source.file, [&] { return has_path(opened.file, source.path); })) return opened;
  opened.dataset = if_opened(H5Dopen2(opened.file, source.path.c_str(), H5P_DEFAULT), source.path);
  if (opened.dataset) require_beside(opened.file, opened.dataset, what);
  return opened;
}

virtual_part part_of(const virtual_makeup& makeup, std::size_t number, const std::string& what) {
  return {{H5Pget_virtual_srcspace(makeup.creation, number), what}, {H5Pget_virtual_vspace(makeup.creation, number), what}};
}

std::uint64_t stored_bytes(hid_t dataset, const std::string& what) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  const hdf5_handle file(H5Iget_file_id(dataset), what);
  hsize_t held = 0;
  hdf5_check(H5Fget_filesize(file, &held), what);
  for (const fs::path& path : files_behind(dataset, what)) {
    std::error_code absent;
    const std::uintmax_t bytes = fs::file_size(path, absent);
    if (!absent) held += bytes;
  }
  // HDF5 does not know the stored size of a virtual dataset.
  return H5Pget_layout(creation) == H5D_VIRTUAL ? held : std::min(held, H5Dget_storage_size(dataset));
}

void require_stored(hid_t dataset, std::uint64_t claimed_bytes, const std::string& what) {
  constexpr std::uint64_t always_believed = std::uint64_t{16} << 20;
  if (claimed_bytes <= always_believed) return;
  const std::uint64_t stored = stored_bytes(dataset, what);
  if (claimed_bytes / best_packing <= stored) return;
  throw format_error(what + " claims " + std::to_string(claimed_bytes) + " bytes but stores only " + std::to_string(stored));
}

void require_whole_chunk(hid_t dataset, const std::string& what) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  if (H5Pget_layout(creation) != H5D_CHUNKED) return;
  const known_filters filters = filters_of(creation);
  if (!filters.all) return;
  const hdf5_handle space(H5Dget_space(dataset), what);
  std::array<hsize_t, H5S_MAX_RANK> place{};
  haddr_t address = 0;
  hsize_t packed = 0;
  unsigned skipped = 0;
  // A dataset without chunks holds fill values; what else is wrong with the first chunk reading it reports.
  if (H5Dget_chunk_info(dataset, space, 0, place.data(), &skipped, &address, &packed) < 0 || packed == 0) return;
  if (packed > stored_bytes(dataset, what)) throw format_error(what + " claims a chunk larger than its file; it is damaged");
  std::vector<std::uint8_t> bytes(packed);
  if (H5Dread_chunk(dataset, H5P_DEFAULT, place.data(), &skipped, bytes.data()) < 0) return;
  const std::uint64_t described = chunk_bytes(dataset, creation, what);
  const bool is_packed = filters.deflate && ((skipped >> *filters.deflate) & 1U) == 0;
  bool whole = described / best_packing <= packed;
  if (whole && is_packed) {
    std::vector<std::uint8_t> unpacked(described);
    const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
        libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
    if (!decompressor) throw std::bad_alloc();
    // Exactly so many bytes, or an error. A wrong checksum is for the reader to report.
    const libdeflate_result done =
        libdeflate_zlib_decompress(decompressor.get(), bytes.data(), bytes.size(), unpacked.data(), unpacked.size(), nullptr);
    whole = done != LIBDEFLATE_SHORT_OUTPUT && done != LIBDEFLATE_INSUFFICIENT_SPACE;
  } else if (whole) {
    whole = packed >= described;
  }
  if (!whole) throw format_error(what + " has chunks that hold fewer or more bytes than it describes; it is damaged");
}

}  // namespace countem::io
