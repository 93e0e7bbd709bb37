#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>

#include <countem/convert.hpp>
#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/files/npy_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/store/layout.hpp"

namespace countem {

namespace io {
namespace {

constexpr std::size_t block_frames = 1024;

using hdf5_lock_type = std::unique_lock<std::recursive_mutex>;

/// Gives a lock up for as long as it lives.
class unlocked {
 public:
  explicit unlocked(hdf5_lock_type& lock) : lock_(lock) { lock_.unlock(); }
  unlocked(const unlocked&) = delete;
  unlocked& operator=(const unlocked&) = delete;
  ~unlocked() { lock_.lock(); }

 private:
  hdf5_lock_type& lock_;
};

/// `lock` is held while a block is visited, but not while it is read: the store's threads need it.
void for_each_block(const event_store& store, hdf5_lock_type& lock, const std::function<void(const event_batch&)>& visit) {
  event_batch block;
  for (std::uint64_t first = 0; first < store.frames(); first += block_frames) {
    {
      const unlocked while_reading(lock);
      store.read(first, static_cast<std::size_t>(std::min<std::uint64_t>(block_frames, store.frames() - first)), block);
    }
    visit(block);
  }
}

void for_each_block(const event_store& store, const std::function<void(const event_batch&)>& visit) {
  hdf5_lock_type lock = hdf5_lock();
  for_each_block(store, lock, visit);
}

std::uint64_t total_events(const event_store& store) {
  std::uint64_t events = 0;
  for (const std::uint32_t count : store.counts()) events += count == not_written ? 0 : count;
  return events;
}

/// A block of frames as CSR in which a pixel comes once per frame, with its multiplicity.
struct merged_block {
  std::vector<std::uint64_t> row_ends;  ///< within the block
  std::vector<std::uint32_t> indices;
  std::vector<std::uint32_t> counts;
  std::uint64_t merged = 0;  ///< events that went into the entry of an earlier one

  explicit merged_block(const event_batch& block) {
    for (std::size_t frame = 0; frame < block.frames(); ++frame) {
      const std::size_t start = indices.size();
      for (const std::uint32_t event : block.events(frame)) {
        if (indices.size() > start && indices.back() == event) {
          ++counts.back();
          ++merged;
        } else {
          indices.push_back(event);
          counts.push_back(1);
        }
      }
      row_ends.push_back(indices.size());
    }
  }
};

/// A one-dimensional HDF5 dataset that grows as it is written.
template <class T>
class growing_dataset {
 public:
  growing_dataset(hid_t location, const std::string& name) : name_(name) {
    const hsize_t none = 0;
    const hsize_t unlimited = H5S_UNLIMITED;
    const hsize_t chunk = 1 << 18;
    const hdf5_handle space(H5Screate_simple(1, &none, &unlimited), name);
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
    hdf5_check(H5Pset_chunk(creation, 1, &chunk), name);
    hdf5_check(H5Pset_shuffle(creation), name);
    hdf5_check(H5Pset_deflate(creation, 1), name);
    dataset_ = {H5Dcreate2(location, name.c_str(), hdf5_type<T>(), space, H5P_DEFAULT, creation, H5P_DEFAULT), name};
  }
  void append(const std::vector<T>& values) {
    if (values.empty()) return;
    const hsize_t count = values.size();
    const hsize_t start = size_;
    size_ += count;
    hdf5_check(H5Dset_extent(dataset_, &size_), name_);
    write_slab<T>(dataset_, {{start}, {count}}, values, name_);
  }
  [[nodiscard]] hsize_t size() const { return size_; }

 private:
  std::string name_;
  hdf5_handle dataset_;
  hsize_t size_ = 0;
};

hdf5_handle create_hdf5(const std::filesystem::path& path) {
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), path.string() + ": cannot be created"};
}

// --- stempy ---

void write_stempy_metadata(hid_t file, const calibration& used) {
  const hdf5_handle parent(H5Gcreate2(file, "metadata", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "metadata");
  const hdf5_handle group(H5Gcreate2(parent, "electron_counting", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "electron_counting");
  const auto adu = [](std::int32_t charge) { return static_cast<double>(charge) / charge_units_per_adu; };
  const noise_fit fit = used.fit.value_or(noise_fit{});
  write_attribute(group, "threshold_calculated", std::int64_t{used.fit.has_value()});
  write_attribute(group, "background_threshold", adu(used.background16));
  write_attribute(group, "x_ray_threshold", adu(used.xray16));
  write_attribute(group, "number_of_samples", static_cast<std::int64_t>(fit.frames.size()));
  write_attribute(group, "number_of_bins", static_cast<std::int64_t>(fit.histogram.size()));
  write_attribute(group, "min_sample", fit.sample_min_adu);
  write_attribute(group, "max_sample", fit.sample_max_adu);
  write_attribute(group, "mean", fit.sample_mean_adu);
  write_attribute(group, "variance", fit.sample_sigma_adu * fit.sample_sigma_adu);
  write_attribute(group, "std_dev", fit.sample_sigma_adu);
  write_attribute(group, "x_ray_threshold_n_sigma", fit.xray_sigmas);
  write_attribute(group, "background_threshold_n_sigma", fit.background_sigmas);
  write_attribute(group, "optimized_mean", fit.mean_adu);
  write_attribute(group, "optimized_std_dev", fit.sigma_adu);
}

void export_stempy(const event_store& store, const std::filesystem::path& output) {
  auto lock = hdf5_lock();
  const store_description& description = store.description();
  const hdf5_handle file = create_hdf5(output);
  write_attribute(file, "version", std::int64_t{3});
  const hdf5_handle group(H5Gcreate2(file, "electron_events", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "electron_events");
  const hdf5_handle list_type(H5Tvlen_create(H5T_STD_U32LE), "vlen type");
  const hsize_t frames = store.frames();
  const hdf5_handle space(H5Screate_simple(1, &frames, nullptr), "frames");
  const hdf5_handle lists(H5Dcreate2(group, "frames", list_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "frames");
  for_each_block(store, lock, [&](const event_batch& block) {
    std::vector<hvl_t> rows(block.frames());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto events = block.events(i);
      rows[i] = {events.size(), const_cast<std::uint32_t*>(events.data())};  // HDF5 only reads it
    }
    const hdf5_handle memory_type(H5Tvlen_create(H5T_NATIVE_UINT32), "vlen type");
    write_slab(lists, {{block.first_frame}, {rows.size()}}, memory_type, rows.data(), output.string() + ": frames");
  });
  write_attribute(lists, "Nx", std::int64_t{description.shape.height});  // stempy's names: frame_shape[0] and [1]
  write_attribute(lists, "Ny", std::int64_t{description.shape.width});
  std::vector<std::int64_t> positions(static_cast<std::size_t>(description.scan.positions()));
  std::iota(positions.begin(), positions.end(), std::int64_t{0});
  write_dataset(group, "scan_positions", {positions.size()}, positions.data());
  const hdf5_handle scan(H5Dopen2(group, "scan_positions", H5P_DEFAULT), "scan_positions");
  write_attribute(scan, "Nx", std::int64_t{description.scan.width});
  write_attribute(scan, "Ny", std::int64_t{description.scan.height});
  write_stempy_metadata(file, description.calibrated);
}

// --- CSR in HDF5 ---

/// Returns how many events went into the entry of an earlier one.
std::uint64_t export_csr(const event_store& store, const std::filesystem::path& output) {
  auto lock = hdf5_lock();
  const store_description& description = store.description();
  const hdf5_handle file = create_hdf5(output);
  growing_dataset<std::uint64_t> pointers(file, "pointers_to_1");
  growing_dataset<std::uint32_t> indices(file, "indices_1");
  growing_dataset<std::uint32_t> values(file, "values");
  pointers.append({0});
  std::uint64_t all_merged = 0;
  for_each_block(store, lock, [&](const event_batch& block) {
    merged_block merged(block);
    for (std::uint64_t& end : merged.row_ends) end += indices.size();
    all_merged += merged.merged;
    pointers.append(merged.row_ends);
    indices.append(merged.indices);
    values.append(merged.counts);
  });
  const nlohmann::ordered_json tag = {
      {"binsparse",
       {{"version", "0.1.0"},
        {"format", "CSR"},
        {"shape", {store.frames(), description.shape.pixels()}},
        {"number_of_stored_values", static_cast<std::uint64_t>(indices.size())},
        {"data_types", {{"pointers_to_1", "uint64"}, {"indices_1", "uint32"}, {"values", "uint32"}}}}}};
  write_attribute(file, "binsparse", tag.dump());
  // Rows are frames and columns pixels; these say how they fold back.
  write_attribute(file, "scan_height", std::int64_t{description.scan.height});
  write_attribute(file, "scan_width", std::int64_t{description.scan.width});
  write_attribute(file, "frames_per_position", std::int64_t{description.scan.frames_per_position});
  write_attribute(file, "height", std::int64_t{description.shape.height});
  write_attribute(file, "width", std::int64_t{description.shape.width});
  return all_merged;
}

// --- raw files ---

/// A file written from its start on.
class raw_output {
 public:
  explicit raw_output(const std::filesystem::path& path) : file_(file_handle::create(path)) {}
  void append(const void* bytes, std::size_t count) {
    file_.write_at(size_, bytes, count);
    size_ += count;
  }
  template <class T>
  void append(const std::vector<T>& values) {
    append(values.data(), values.size() * sizeof(T));
  }
  void overwrite(std::uint64_t at, const void* bytes, std::size_t count) { file_.write_at(at, bytes, count); }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  file_handle file_;
  std::uint64_t size_ = 0;
};

/// Returns how many events went into the entry of an earlier one.
std::uint64_t export_raw_csr(const event_store& store, const std::filesystem::path& output) {
  const store_description& description = store.description();
  if (description.shape.pixels() > 0x7fff'ffffULL) throw invalid_argument("raw_csr takes frames of at most 2^31 - 1 pixels");
  const auto beside = [&](const char* ending) {
    std::filesystem::path name = output;
    return name.replace_extension(ending);
  };
  file_replacement files[] = {file_replacement(beside(".indptr.raw")), file_replacement(beside(".indices.raw")),
                              file_replacement(beside(".data.raw")), file_replacement(output)};
  raw_output pointers(files[0].unfinished());
  raw_output indices(files[1].unfinished());
  raw_output data(files[2].unfinished());
  std::uint64_t stored = 0;
  std::uint64_t all_merged = 0;
  pointers.append(std::vector<std::uint64_t>{0});
  for_each_block(store, [&](const event_batch& block) {
    merged_block merged(block);
    for (std::uint64_t& end : merged.row_ends) end += stored;
    stored += merged.indices.size();
    all_merged += merged.merged;
    pointers.append(merged.row_ends);
    indices.append(merged.indices);
    data.append(merged.counts);
  });
  const scan_shape& scan = description.scan;
  std::string nav = fmt::format("{}, {}", scan.height, scan.width);
  if (scan.frames_per_position > 1) nav += fmt::format(", {}", scan.frames_per_position);
  const auto name = [&](const char* ending) { return beside(ending).filename().string(); };
  const std::string text = fmt::format(
      "[params]\nfiletype = \"raw_csr\"\nnav_shape = [{}]\nsig_shape = [{}, {}]\n\n"
      "[raw_csr]\nindptr_file = \"{}\"\nindptr_dtype = \"<i8\"\nindices_file = \"{}\"\nindices_dtype = \"<i4\"\n"
      "data_file = \"{}\"\ndata_dtype = \"<u4\"\n",
      nav, description.shape.height, description.shape.width, name(".indptr.raw"), name(".indices.raw"), name(".data.raw"));
  raw_output(files[3].unfinished()).append(text.data(), text.size());
  for (file_replacement& file : files) file.finish();  // the one that names the others last
  return all_merged;
}

/// Events of a frame as counts per pixel. Returns how many did not fit into 16 bits.
std::uint64_t make_dense(std::span<const std::uint32_t> events, std::vector<std::uint16_t>& frame) {
  constexpr std::uint16_t largest = 0xffff;
  std::fill(frame.begin(), frame.end(), std::uint16_t{0});
  std::uint64_t cut = 0;
  for (const std::uint32_t event : events) {
    if (frame[event] == largest) {
      ++cut;
    } else {
      ++frame[event];
    }
  }
  return cut;
}

std::uint64_t export_dense_npy(const event_store& store, const std::filesystem::path& output) {
  raw_output file(output);
  const std::string header = npy_header_of("<u2", dense_extent(store.description().scan, store.description().shape));
  file.append(header.data(), header.size());
  std::vector<std::uint16_t> frame(static_cast<std::size_t>(store.description().shape.pixels()));
  std::uint64_t cut = 0;
  for_each_block(store, [&](const event_batch& block) {
    for (std::size_t i = 0; i < block.frames(); ++i) {
      cut += make_dense(block.events(i), frame);
      file.append(frame);
    }
  });
  return cut;
}

/// One dataset /data, a chunk a frame, for programs that want 16-bit counts or no bytes behind the compressed ones.
std::uint64_t export_dense_hdf5(const event_store& store, const std::filesystem::path& output) {
  auto lock = hdf5_lock();
  const hdf5_handle file = create_hdf5(output);
  const std::vector<hsize_t> extent = layout::data_extent(store.description());
  const int rank = static_cast<int>(extent.size());
  std::vector<hsize_t> chunk = extent;
  std::fill(chunk.begin(), chunk.end() - 2, hsize_t{1});
  const hdf5_handle space(H5Screate_simple(rank, extent.data(), nullptr), "data");
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "data");
  hdf5_check(H5Pset_chunk(creation, rank, chunk.data()), "data");
  hdf5_check(H5Pset_deflate(creation, 1), "data");
  const hdf5_handle data(H5Dcreate2(file, "data", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
  write_attribute(data, "units", "electrons");
  std::vector<std::uint16_t> frame(static_cast<std::size_t>(store.description().shape.pixels()));
  std::uint64_t cut = 0;
  for_each_block(store, lock, [&](const event_batch& block) {
    for (std::size_t i = 0; i < block.frames(); ++i) {
      if (block.events(i).empty()) continue;  // reads as zeros
      cut += make_dense(block.events(i), frame);
      write_slab<std::uint16_t>(data, {layout::chunk_offset(store.description().scan, block.first_frame + i), chunk}, frame,
                                output.string() + ": data");
    }
  });
  return cut;
}

using dense_exporter = std::uint64_t (*)(const event_store&, const std::filesystem::path&);

/// Returns how many events did not fit into the counts.
dense_exporter dense_exporter_for(const std::filesystem::path& output) {
  const std::string ending = output.extension().string();
  if (ending == ".npy") return &export_dense_npy;
  if (ending == ".h5" || ending == ".hdf5") return &export_dense_hdf5;
  throw invalid_argument(output.string() + ": a dense export is a .npy, .h5 or .hdf5 file; name the output so");
}

/// A ZIP archive of stored (not compressed) members, ZIP64 throughout, as numpy writes .npz; zlib gives the CRCs.
class stored_zip {
 public:
  explicit stored_zip(const std::filesystem::path& path) : file_(path) {}

  void begin(const std::string& name) {
    members_.push_back({name, file_.size(), 0, 0});
    const std::string header = local_header(members_.back());
    file_.append(header.data(), header.size());
  }
  void append(const void* bytes, std::size_t count) {
    members_.back().crc = static_cast<std::uint32_t>(crc32_z(members_.back().crc, static_cast<const Bytef*>(bytes), count));
    members_.back().bytes += count;
    file_.append(bytes, count);
  }
  void end() {
    const std::string header = local_header(members_.back());
    file_.overwrite(members_.back().offset, header.data(), header.size());
  }
  void finish() {
    const std::uint64_t start = file_.size();
    std::string directory;
    for (const member& of : members_) {
      number<std::uint32_t>(directory, 0x02014b50);
      number<std::uint16_t>(directory, zip64_version);
      common(directory, of, 28);
      for (int zero = 0; zero < 3; ++zero) number<std::uint16_t>(directory, 0);  // comment, disk, internal attributes
      number<std::uint32_t>(directory, 0);                                       // external attributes
      number<std::uint32_t>(directory, in_extra);                                // offset
      directory += of.name;
      number<std::uint16_t>(directory, 1);
      number<std::uint16_t>(directory, 24);
      for (const std::uint64_t value : {of.bytes, of.bytes, of.offset}) number<std::uint64_t>(directory, value);
    }
    const std::uint64_t length = directory.size();
    number<std::uint32_t>(directory, 0x06064b50);
    number<std::uint64_t>(directory, 44);
    number<std::uint16_t>(directory, zip64_version);
    number<std::uint16_t>(directory, zip64_version);
    number<std::uint64_t>(directory, 0);
    for (const std::uint64_t value : {std::uint64_t{members_.size()}, std::uint64_t{members_.size()}, length, start})
      number<std::uint64_t>(directory, value);
    number<std::uint32_t>(directory, 0x07064b50);
    number<std::uint32_t>(directory, 0);
    number<std::uint64_t>(directory, start + length);
    number<std::uint32_t>(directory, 1);
    number<std::uint32_t>(directory, 0x06054b50);
    number<std::uint32_t>(directory, 0);
    for (int count = 0; count < 2; ++count) number<std::uint16_t>(directory, 0xffff);
    for (int value = 0; value < 2; ++value) number<std::uint32_t>(directory, in_extra);
    number<std::uint16_t>(directory, 0);
    file_.append(directory.data(), directory.size());
  }

 private:
  struct member {
    std::string name;
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint32_t crc;
  };
  static constexpr std::uint16_t zip64_version = 45;
  static constexpr std::uint32_t in_extra = 0xffff'ffff;

  template <class T>
  static void number(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  /// What a local header and a directory entry share, from the version on.
  static void common(std::string& to, const member& of, std::uint16_t extra_bytes) {
    number<std::uint16_t>(to, zip64_version);
    for (int zero = 0; zero < 3; ++zero) number<std::uint16_t>(to, 0);  // flags, method (stored), time
    number<std::uint16_t>(to, 0x21);                                    // 1980-01-01: the same events, the same bytes
    number<std::uint32_t>(to, of.crc);
    number<std::uint32_t>(to, in_extra);
    number<std::uint32_t>(to, in_extra);
    number<std::uint16_t>(to, static_cast<std::uint16_t>(of.name.size()));
    number<std::uint16_t>(to, extra_bytes);
  }
  static std::string local_header(const member& of) {
    std::string header;
    number<std::uint32_t>(header, 0x04034b50);
    common(header, of, 20);
    header += of.name;
    number<std::uint16_t>(header, 1);
    number<std::uint16_t>(header, 16);
    number<std::uint64_t>(header, of.bytes);
    number<std::uint64_t>(header, of.bytes);
    return header;
  }

  raw_output file_;
  std::vector<member> members_;
};

void export_npz(const event_store& store, const std::filesystem::path& output) {
  const store_description& description = store.description();
  const std::uint64_t events = total_events(store);
  stored_zip zip(output);
  const auto begin_array = [&](const std::string& name, const char* type, const std::vector<std::uint64_t>& extent) {
    zip.begin(name + ".npy");
    const std::string header = npy_header_of(type, extent);
    zip.append(header.data(), header.size());
  };
  begin_array("indices", "<u4", {events});
  for_each_block(
      store, [&](const event_batch& block) { zip.append(block.indices.data(), block.indices.size() * sizeof(std::uint32_t)); });
  zip.end();
  begin_array("indptr", "<i8", {store.frames() + 1});
  std::uint64_t end = 0;
  zip.append(&end, sizeof end);
  for (const std::uint32_t count : store.counts()) {
    end += count == not_written ? 0 : count;
    zip.append(&end, sizeof end);
  }
  zip.end();
  begin_array("format", "|S3", {});
  zip.append("csr", 3);
  zip.end();
  begin_array("shape", "<i8", {2});
  const std::array<std::uint64_t, 2> shape = {store.frames(), description.shape.pixels()};
  zip.append(shape.data(), sizeof shape);
  zip.end();
  begin_array("data", "<i4", {events});
  const std::vector<std::int32_t> ones(1 << 16, 1);
  for (std::uint64_t left = events; left > 0;) {
    const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(left, ones.size()));
    zip.append(ones.data(), part * sizeof ones[0]);
    left -= part;
  }
  zip.end();
  zip.finish();
}

}  // namespace
}  // namespace io

export_format export_format_from(std::string_view name) {
  constexpr std::array<std::string_view, 5> names = {"stempy", "csr", "raw_csr", "npz", "dense"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw invalid_argument("export format \"" + std::string(name) + "\" is unknown; use stempy, csr, raw_csr, npz or dense");
  return static_cast<export_format>(found - names.begin());
}

std::vector<std::string> export_events(const event_store& store, const std::filesystem::path& output, export_format form) {
  std::vector<std::string> lost;
  std::uint64_t merged = 0;
  std::uint64_t cut = 0;
  const auto write = [&](auto with) {
    io::file_replacement file(output);
    with(file.unfinished());
    file.finish();
  };
  switch (form) {
    case export_format::stempy: write([&](const auto& file) { io::export_stempy(store, file); }); break;
    case export_format::csr: write([&](const auto& file) { merged = io::export_csr(store, file); }); break;
    case export_format::raw_csr: merged = io::export_raw_csr(store, output); break;
    case export_format::npz: write([&](const auto& file) { io::export_npz(store, file); }); break;
    case export_format::dense:
      write([&, with = io::dense_exporter_for(output)](const auto& file) { cut = with(store, file); });
      break;
  }
  if (merged > 0) {
    lost.push_back(
        fmt::format("{} events at pixels that had one already were merged into its entry, whose value counts them", merged));
  }
  if (cut > 0) lost.push_back(fmt::format("{} events beyond 65535 at one pixel of a frame were cut off", cut));
  if (store.description().options.values != event_value::none) lost.emplace_back("the events' values were left out");
  if (std::find(store.counts().begin(), store.counts().end(), not_written) != store.counts().end()) {
    lost.emplace_back("frames that never arrived look like frames without events");
  }
  return lost;
}

}  // namespace countem
