#include "io/simulated/truth_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/output.hpp"
#include "io/hdf5/storage.hpp"
#include "io/recognition/recognise.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t truth_version = 1;
constexpr const char* version_name = "truth_version";

/// The numbers of simulation_options under the names they have in the file.
template <class Options, class Visit>
void visit_numbers(Options& options, const Visit& visit) {
  visit("occupancy", options.occupancy);
  visit("kilovolts", options.kilovolts);
  visit("baseline_adu", options.baseline_adu);
  visit("noise_adu", options.noise_adu);
  visit("xrays_per_frame", options.xrays_per_frame);
  visit("hot_pixels", options.hot_pixels);
}

template <class Options, class Visit>
void visit_extents(Options& options, const Visit& visit) {
  visit("scan_height", options.scan.height);
  visit("scan_width", options.scan.width);
  visit("frames_per_position", options.scan.frames_per_position);
  visit("frame_height", options.frame.height);
  visit("frame_width", options.frame.width);
}

void write_options(hid_t file, const simulation_options& options) {
  write_attribute(file, version_name, truth_version);
  write_attribute(file, "seed", options.seed);
  visit_numbers(options, [&](const char* name, double value) { write_attribute(file, name, value); });
  visit_extents(options, [&](const char* name, std::uint32_t value) { write_attribute(file, name, std::uint64_t{value}); });
}

simulation_options read_options(hid_t file) {
  const std::int64_t version = read_number_attribute<std::int64_t>(file, version_name);
  if (version != truth_version) {
    throw format_error(fmt::format("its truth_version is {} where {} is known: use a newer countem", version, truth_version));
  }
  simulation_options options;
  options.seed = read_number_attribute<std::uint64_t>(file, "seed");
  visit_numbers(options, [&](const char* name, double& value) { value = read_number_attribute<double>(file, name); });
  visit_extents(options, [&](const char* name, std::uint32_t& value) {
    value = read_number_attribute<std::uint32_t>(file, name, {.lowest = 1});
  });
  return options;
}

/// A contiguous dataset whose numbers are written past the library, by many threads; returns the byte where they start.
std::uint64_t reserve(hid_t file, const std::string& path, hsize_t count) {
  const hdf5_handle space(H5Screate_simple(1, &count, nullptr), path);
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), path);
  hdf5_check(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY), path);
  hdf5_check(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER), path);
  hdf5_check(H5Pset_obj_track_times(creation, false), path);
  hdf5_handle data(H5Dcreate2(file, path.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), path);
  const haddr_t offset = H5Dget_offset(data);
  if (offset == HADDR_UNDEF && count != 0) throw io_error(path + ": HDF5 gives no place for it: " + hdf5_last_error());
  data.close(path);
  return offset;
}

class truth_file : public truth_reader {
 public:
  explicit truth_file(const fs::path& path) : path_(path) {
    const auto lock = hdf5_lock();
    file_ = open_expected(path, expected_file::truth);
    if (!naming(path, [&] { return has_attribute(file_, version_name); })) refuse_other_file(path, expected_file::truth);
    try {
      naming(path, [&] {
        options_ = read_options(file_);
        read_indptr();
        for (const char* name : columns) require_length(name);
      });
    } catch (const format_error& failure) {
      throw format_error(path.string() + ": " + failure.what());
    }
  }
  ~truth_file() override {
    const auto lock = hdf5_lock();
    file_.close();
  }

  [[nodiscard]] const simulation_options& options() const override { return options_; }
  [[nodiscard]] std::uint64_t electrons() const override { return indptr_.back(); }

  [[nodiscard]] simulated_truth read(std::uint64_t first, std::size_t count) const override {
    const std::uint64_t frames = indptr_.size() - 1;
    if (first > frames || count > frames - first) {
      throw invalid_argument(
          fmt::format("{}: frames {} to {} asked for, it has {}", path_.string(), first, first + count, frames));
    }
    const std::uint64_t begin = indptr_[first];
    const std::uint64_t end = indptr_[first + count];
    simulated_truth part;
    part.indptr.reserve(count + 1);
    for (std::size_t each = 1; each <= count; ++each) part.indptr.push_back(indptr_[first + each] - begin);
    part.rows = read_column("electrons/rows", begin, end - begin);
    part.columns = read_column("electrons/columns", begin, end - begin);
    part.charges_adu = read_column("electrons/charges_adu", begin, end - begin);
    return part;
  }

 private:
  static constexpr const char* columns[] = {"electrons/rows", "electrons/columns", "electrons/charges_adu"};

  void read_indptr() {
    const std::uint64_t frames = options_.scan.frames();
    indptr_ = read_dataset<std::uint64_t>(file_, "electrons/indptr", nullptr, frames + 1);
    if (indptr_.size() != frames + 1 || indptr_.front() != 0 || !std::is_sorted(indptr_.begin(), indptr_.end())) {
      throw format_error("electrons/indptr does not describe the scan's " + std::to_string(frames) + " frames");
    }
  }

  void require_length(const char* name) const {
    const hdf5_handle data = open_dataset(file_, name);
    require_whole_chunk(data, std::string("dataset ") + name);
    const hdf5_handle space(H5Dget_space(data), name);
    if (H5Sget_simple_extent_ndims(space) != 1 ||
        static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space)) != indptr_.back()) {
      throw format_error(std::string(name) + " does not hold one number for each of " + std::to_string(indptr_.back()) +
                         " electrons");
    }
  }

  [[nodiscard]] std::vector<float> read_column(const char* name, hsize_t first, hsize_t count) const {
    std::vector<float> values(count);
    if (count == 0) return values;
    const auto lock = hdf5_lock();
    const std::string what = path_.string() + ": " + name;
    const hdf5_handle data = open_dataset(file_, name, what);
    read_slab<float>(data, {{first}, {count}}, values, what);
    return values;
  }

  fs::path path_;
  hdf5_handle file_;
  simulation_options options_;
  std::vector<std::uint64_t> indptr_;
};

bool is_truth(const fs::path& path) {
  try {
    return open_truth(path) != nullptr;
  } catch (const format_error&) {
    return false;
  }
}

}  // namespace

truth_writer::truth_writer(const fs::path& path, const output_rules& rules, const simulation_options& options,
                           std::vector<std::uint64_t> indptr, const std::vector<float>& baseline_adu,
                           const std::vector<std::uint32_t>& hot_pixels)
    : indptr_(std::move(indptr)), output_(path, {"the truth of a simulation", is_truth}, rules) {
  const auto lock = hdf5_lock();
  hdf5_handle file = create_hdf5(output_);
  write_options(file, options);
  write_dataset<std::uint64_t>(file, "electrons/indptr", {indptr_.size()}, indptr_.data());
  write_dataset<float>(file, "detector/baseline_adu", {options.frame.height, options.frame.width}, baseline_adu.data());
  write_dataset<std::uint32_t>(file, "detector/hot_pixels", {hot_pixels.size()}, hot_pixels.data());
  rows_at_ = reserve(file, "electrons/rows", indptr_.back());
  columns_at_ = reserve(file, "electrons/columns", indptr_.back());
  charges_at_ = reserve(file, "electrons/charges_adu", indptr_.back());
  close_hdf5(file, path.string());
}

void truth_writer::write(std::uint64_t frame, const simulated_truth& electrons) const {
  const std::uint64_t first = indptr_.at(frame);
  const std::uint64_t count = indptr_.at(frame + 1) - first;
  if (electrons.rows.size() != count || electrons.columns.size() != count || electrons.charges_adu.size() != count) {
    throw invalid_argument(fmt::format("{}: frame {} has {} electrons where {} were announced", output_.path().string(), frame,
                                       electrons.rows.size(), count));
  }
  if (count == 0) return;
  const std::uint64_t offset = first * sizeof(float);
  const std::size_t bytes = count * sizeof(float);
  output_.file().write_at(rows_at_ + offset, electrons.rows.data(), bytes);
  output_.file().write_at(columns_at_ + offset, electrons.columns.data(), bytes);
  output_.file().write_at(charges_at_ + offset, electrons.charges_adu.data(), bytes);
}

}  // namespace countem::io

namespace countem {

std::unique_ptr<truth_reader> open_truth(const std::filesystem::path& path) {
  (void)io::file_handle::open_read(path);  // the operating system's own words when it is not there
  return std::make_unique<io::truth_file>(path);
}

simulated_truth load_truth(const std::filesystem::path& path) {
  const std::unique_ptr<truth_reader> file = open_truth(path);
  return file->read(0, file->options().scan.frames());
}

}  // namespace countem
