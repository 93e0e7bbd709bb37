// What scipy.sparse.load_npz takes.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <countem/large_output.hpp>

#include "io/convert/blocks.hpp"
#include "io/convert/exports.hpp"
#include "io/convert/zip_writer.hpp"
#include "io/files/npy_output.hpp"

namespace countem::io {

namespace {

constexpr std::size_t ends_at_once = 1 << 16U;

void write_npz(const event_store& store, const output_file& output) {
  const store_description& description = store.description();
  const std::uint64_t events = total_events(store);
  expect_output(output.path(), std::to_string(events) + " events",
                2 * events * sizeof(std::uint32_t) + (store.frames() + 1) * sizeof(std::uint64_t));
  zip_writer zip(output);
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
  std::vector<std::uint64_t> ends{0};
  for (const std::uint32_t count : store.counts()) {
    ends.push_back(ends.back() + (count == not_written ? 0 : count));
    if (ends.size() < ends_at_once) continue;
    zip.append(ends.data(), (ends.size() - 1) * sizeof ends[0]);
    ends.erase(ends.begin(), ends.end() - 1);
  }
  zip.append(ends.data(), ends.size() * sizeof ends[0]);
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

export_losses export_npz(const event_store& store, const std::filesystem::path& path, const output_rules& rules) {
  output_file output(path, npz_output, rules);
  write_npz(store, output);
  output.finish();
  return {};
}

const output_kind npz_output{"a .npz file of countem", is_own_zip};

}  // namespace countem::io
