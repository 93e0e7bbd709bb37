// HDF5 with a binsparse 0.1 CSR matrix, frames x pixels.
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <countem/large_output.hpp>

#include "io/convert/blocks.hpp"
#include "io/convert/deflated_columns.hpp"
#include "io/convert/exports.hpp"
#include "io/convert/hdf5_output.hpp"
#include "io/hdf5/attribute.hpp"

namespace countem::io {

namespace {

/// Returns how many events went into the entry of an earlier one.
std::uint64_t write_csr(const event_store& store, const output_file& output) {
  const std::uint64_t events = total_events(store);
  expect_output(output.path(), std::to_string(events) + " events before compression",
                2 * events * sizeof(std::uint32_t) + (store.frames() + 1) * sizeof(std::uint64_t), size_is::estimated);
  const store_description& description = store.description();
  auto lock = hdf5_lock();
  hdf5_handle file = create_export(output);
  column_chunks chunks;
  growing_dataset<std::uint64_t> pointers(file, "pointers_to_1", chunks);
  growing_dataset<std::uint32_t> indices(file, "indices_1", chunks);
  growing_dataset<std::uint32_t> values(file, "values", chunks);
  lock.unlock();
  pointers.append(std::array{std::uint64_t{0}});
  std::uint64_t all_merged = 0;
  std::vector<std::uint64_t> ends;
  for_each_merged_block(store, [&](const merged_block& block) {
    ends.clear();
    for (const std::uint64_t end : block.row_ends) ends.push_back(end + indices.size());
    all_merged += block.merged;
    pointers.append(ends);
    indices.append(block.indices);
    values.append(block.counts);
  });
  pointers.close();
  indices.close();
  values.close();
  lock.lock();
  const nlohmann::ordered_json tag = {
      {"binsparse",
       {{"version", "0.1.0"},
        {"format", "CSR"},
        {"shape", {store.frames(), description.shape.pixels()}},
        {"number_of_stored_values", static_cast<std::uint64_t>(indices.size())},
        {"data_types", {{"pointers_to_1", "uint64"}, {"indices_1", "uint32"}, {"values", "uint32"}}}}}};
  write_attribute(file, "binsparse", tag.dump());
  // Rows are frames and columns pixels; these define their shape.
  write_attribute(file, "scan_height", std::int64_t{description.scan.height});
  write_attribute(file, "scan_width", std::int64_t{description.scan.width});
  write_attribute(file, "frames_per_position", std::int64_t{description.scan.frames_per_position});
  write_attribute(file, "height", std::int64_t{description.shape.height});
  write_attribute(file, "width", std::int64_t{description.shape.width});
  write_grid(file, description);
  close_hdf5(file, output.path().string());
  return all_merged;
}

}  // namespace

export_losses export_csr(const event_store& store, const std::filesystem::path& path, const output_rules& rules) {
  output_file output(path, csr_output, rules);
  const std::uint64_t merged = write_csr(store, output);
  output.finish();
  return {merged, 0};
}

const output_kind csr_output{"a binsparse file of countem", is_own_hdf5_export};

}  // namespace countem::io
