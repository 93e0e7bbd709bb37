#include <countem/error.hpp>

#include "io/sources/flat/entries.hpp"
#include "io/sources/flat/flat_source.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

std::unique_ptr<frame_source> open_raw(const std::vector<fs::path>& files, const source_options& options, issue_list issues) {
  const fs::path& path = files.front();
  if (!options.raw) throw invalid_argument(path.string() + ": flat binary needs a description", {{advice_kind::raw_layout}});
  flat_layout layout;
  layout.shape = options.raw->shape;
  layout.type = stored_as(options.raw->type);
  layout.big_endian = options.raw->big_endian;
  layout.offset_bytes = options.raw->offset_bytes;
  layout.gap_bytes = options.raw->gap_bytes;
  return open_flat(file_handle::open_read(path), flat_raw().facts.format, layout, options, std::move(issues));
}

}  // namespace

const source_format& flat_raw() {
  static const source_format entry{.facts = {.format = input_format("raw"), .suffixes = {".raw", ".bin"}, .needs_layout = true},
                                   .open = open_raw};
  return entry;
}

}  // namespace countem::io
