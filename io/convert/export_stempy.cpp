// stempy's HDF5 version 3.
#include <numeric>
#include <string>
#include <vector>

#include <countem/large_output.hpp>

#include "io/convert/blocks.hpp"
#include "io/convert/exports.hpp"
#include "io/convert/hdf5_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"

namespace countem::io {

namespace {

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

void write_stempy(const event_store& store, const output_file& output) {
  constexpr std::uint64_t list_bytes = 16;  // of the reference to a list
  const std::uint64_t events = total_events(store);
  expect_output(output.path(), std::to_string(events) + " events",
                events * sizeof(std::uint32_t) + store.frames() * list_bytes);
  auto lock = hdf5_lock();
  const store_description& description = store.description();
  hdf5_handle file = create_export(output);
  write_attribute(file, "version", std::int64_t{3});
  hdf5_handle group(H5Gcreate2(file, "electron_events", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "electron_events");
  const hdf5_handle list_type(H5Tvlen_create(H5T_STD_U32LE), "vlen type");
  const hsize_t frames = store.frames();
  const hdf5_handle space(H5Screate_simple(1, &frames, nullptr), "frames");
  hdf5_handle lists(H5Dcreate2(group, "frames", list_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "frames");
  lock.unlock();
  for_each_block(store, [&](const event_batch& block) {
    const auto while_writing = hdf5_lock();
    std::vector<hvl_t> rows(block.frames());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto events = block.events(i);
      rows[i] = {events.size(), const_cast<std::uint32_t*>(events.data())};  // HDF5 only reads it
    }
    const hdf5_handle memory_type(H5Tvlen_create(H5T_NATIVE_UINT32), "vlen type");
    write_slab(lists, {{block.first_frame}, {rows.size()}}, memory_type, rows.data(), output.path().string() + ": frames");
  });
  lock.lock();
  write_attribute(lists, "Nx", std::int64_t{description.shape.height});  // stempy's names: frame_shape[0] and [1]
  write_attribute(lists, "Ny", std::int64_t{description.shape.width});
  std::vector<std::int64_t> positions(static_cast<std::size_t>(description.scan.positions()));
  std::iota(positions.begin(), positions.end(), std::int64_t{0});
  write_dataset(group, "scan_positions", {positions.size()}, positions.data());
  hdf5_handle scan(H5Dopen2(group, "scan_positions", H5P_DEFAULT), "scan_positions");
  write_attribute(scan, "Nx", std::int64_t{description.scan.width});
  write_attribute(scan, "Ny", std::int64_t{description.scan.height});
  write_stempy_metadata(file, description.calibrated);
  write_grid(file, description);
  for (hdf5_handle* written : {&lists, &scan, &group}) written->close(output.path().string());
  close_hdf5(file, output.path().string());
}

}  // namespace

export_losses export_stempy(const event_store& store, const std::filesystem::path& path, const output_rules& rules) {
  output_file output(path, stempy_output, rules);
  write_stempy(store, output);
  output.finish();
  return {};
}

const output_kind stempy_output{"a stempy file of countem", is_own_hdf5_export};

}  // namespace countem::io
