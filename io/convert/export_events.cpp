#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include <countem/convert.hpp>
#include <countem/error.hpp>

#include "io/convert/exports.hpp"
#include "io/hdf5/output.hpp"

namespace countem {

namespace io {
namespace {

struct exporter {
  export_form form;
  export_function write;
  const output_kind& kind;
};

constexpr const char* left_out = "left out";
constexpr const char* one_entry = "one entry, its value counts; a note gives their number";

/// Every form; an export is its file and its line here. docs/conversion.md shows the same table, and a test compares them.
constexpr std::array exporters = {
    exporter{{export_format::stempy, "stempy", "HDF5, stempy's layout version 3", "stempy `SparseArray.from_hdf5`",
              "index listed twice", left_out},
             export_stempy,
             stempy_output},
    exporter{{export_format::csr, "csr", "HDF5, binsparse 0.1 CSR, frames x pixels", "binsparse, `scipy.sparse.csr_matrix`",
              one_entry, left_out},
             export_csr,
             csr_output},
    exporter{{export_format::raw_csr, "raw_csr", "OUT (TOML), OUT's name with `.indptr.raw`, `.indices.raw`, `.data.raw`",
              "LiberTEM `ctx.load(\"raw_csr\", path=OUT)`", one_entry, left_out},
             export_raw_csr,
             raw_csr_output},
    exporter{{export_format::npz, "npz", "a NumPy archive", "`scipy.sparse.load_npz`",
              "index listed twice (`sum_duplicates()` merges)", left_out},
             export_npz,
             npz_output},
    exporter{{export_format::dense, "dense",
              "`.npy`, or `.h5`/`.hdf5` with one dataset `/data`; u16, (scan_y, scan_x[, repeat], row, column)", "everything",
              "counted, cut at 65,535; a note gives their number", left_out},
             export_dense,
             dense_output},
};

const exporter& exporter_of(export_format form) {
  return *std::find_if(exporters.begin(), exporters.end(), [&](const exporter& one) { return one.form.format == form; });
}

}  // namespace
}  // namespace io

const output_kind& export_output(export_format form) {
  return io::exporter_of(form).kind;
}

std::span<const export_form> export_forms() {
  static const auto forms = [] {
    std::array<export_form, io::exporters.size()> all{};
    std::transform(io::exporters.begin(), io::exporters.end(), all.begin(), [](const io::exporter& one) { return one.form; });
    return all;
  }();
  return forms;
}

std::string export_form_names(std::string_view last) {
  std::string names;
  const std::span<const export_form> forms = export_forms();
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const bool is_last = last.empty() && i + 1 == forms.size();
    if (i > 0) names += is_last ? " or " : ", ";
    names += forms[i].name;
  }
  return last.empty() ? names : names + " or " + std::string(last);
}

export_format export_format_from(std::string_view name) {
  for (const export_form& form : export_forms()) {
    if (form.name == name) return form.format;
  }
  throw invalid_argument("export format \"" + std::string(name) + "\" is unknown; use " + export_form_names());
}

std::vector<std::string> export_events(const event_store& store, const std::filesystem::path& output, export_format form,
                                       output_rules rules) try {
  for (const input_file& file : store.files()) rules.inputs.push_back(file.path);
  const io::export_losses losses = io::exporter_of(form).write(store, output, rules);
  std::vector<std::string> lost;
  if (losses.merged > 0) {
    lost.push_back(fmt::format("{} events at pixels that had one already were merged into its entry, whose value counts them",
                               losses.merged));
  }
  if (losses.cut > 0) lost.push_back(fmt::format("{} events beyond 65535 at one pixel of a frame were cut off", losses.cut));
  if (store.description().options.values != event_value::none) lost.emplace_back("the events' values were left out");
  if (std::find(store.counts().begin(), store.counts().end(), not_written) != store.counts().end()) {
    lost.emplace_back("frames that never arrived look like frames without events");
  }
  return lost;
} catch (const io::hdf5_refusal& reason) {
  io::throw_unwritten(reason);
}

}  // namespace countem
