// LiberTEM's raw_csr: a TOML file and three raw files beside it.
#include <fmt/format.h>

#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/convert/blocks.hpp"
#include "io/convert/exports.hpp"
#include "io/convert/raw_output.hpp"
#include "io/files/file.hpp"

namespace countem::io {

export_losses export_raw_csr(const event_store& store, const std::filesystem::path& output) {
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
  return {all_merged, 0};
}

}  // namespace countem::io
