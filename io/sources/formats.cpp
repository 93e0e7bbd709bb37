#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include <countem/error.hpp>

#include "io/sources/blo/entries.hpp"
#include "io/sources/camera/entries.hpp"
#include "io/sources/dm/entries.hpp"
#include "io/sources/empad/entries.hpp"
#include "io/sources/flat/entries.hpp"
#include "io/sources/hdf5/entries.hpp"
#include "io/sources/mib/entries.hpp"
#include "io/sources/mrc/entries.hpp"
#include "io/sources/npy/entries.hpp"
#include "io/sources/seq/entries.hpp"
#include "io/sources/ser/entries.hpp"
#include "io/sources/source_format.hpp"
#include "io/sources/tvips/entries.hpp"

namespace countem::io {

// The table of formats. Where several recognise a file, the first does.
std::span<const source_format* const> source_formats() {
  static const std::array all{&camera_v1(),    &camera_v2(),     &camera_v3(), &camera_v4(),
                              &camera_v5(),    &flat_raw(),      &numpy_npy(), &mrc_movie(),
                              &dense_hdf5(),   &merlin_mib(),    &empad_raw(), &digital_micrograph(),
                              &tvips_series(), &nanomegas_blo(), &tia_ser(),   &norpix_seq()};
  return all;
}

const source_format& entry_of(std::string_view name) {
  std::string known;
  for (const source_format* entry : source_formats()) {
    const std::string_view entry_name = entry->facts.format.name();
    if (entry_name == name) return *entry;
    known += (known.empty() ? "" : ", ") + std::string(entry_name);
  }
  throw invalid_argument(fmt::format("input format '{}' is not known: it is one of {}", name, known));
}

}  // namespace countem::io

namespace countem {

std::vector<input_format_facts> input_formats() {
  std::vector<input_format_facts> all;
  for (const io::source_format* entry : io::source_formats()) all.push_back(entry->facts);
  return all;
}

input_format_facts facts_of(const input_format& format) {
  return io::entry_of(format.name()).facts;
}

input_format input_format_from(std::string_view name) {
  return io::entry_of(name).facts.format;
}

}  // namespace countem
