// LiberTEM's raw_csr: a TOML file and three raw files beside it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <countem/error.hpp>
#include <countem/large_output.hpp>

#include "io/convert/blocks.hpp"
#include "io/convert/exports.hpp"
#include "io/convert/raw_output.hpp"
#include "io/files/file.hpp"
#include "io/files/output_file.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view first_line = "# written by countem\n";
constexpr std::array<const char*, 3> side_names{"indptr", "indices", "data"};
using side_files = std::array<fs::path, side_names.size()>;

/// The side files of an export: named after it, with a number where one of these names is taken. So those of an export that is
/// replaced stay whole until the new TOML file is in its place.
side_files free_names(const fs::path& toml) {
  const auto numbered = [&](unsigned number) {
    side_files files;
    for (std::size_t i = 0; i < files.size(); ++i) {
      files[i] = toml;
      files[i].replace_extension(fmt::format("{}.{}.raw", number == 0 ? "" : fmt::format(".{}", number), side_names[i]));
    }
    return files;
  };
  const auto is_taken = [](const fs::path& path) { return fs::exists(fs::symlink_status(path)); };
  for (unsigned number = 0;; ++number) {
    side_files files = numbered(number);
    if (std::ranges::none_of(files, is_taken)) return files;
  }
}

/// A basic string of TOML.
std::string quoted(const std::string& text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      made += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      made += c;
    }
  }
  return made + '"';
}

std::string file_key(std::size_t side) {
  return fmt::format("{}_file = ", side_names[side]);
}

/// The side files that a TOML file of ours names; nothing where it is none, or one of them is missing.
std::optional<side_files> named_files(const fs::path& toml) try {
  if (!fs::exists(toml)) return std::nullopt;
  constexpr std::size_t longest = 1 << 16;
  const std::string text = first_bytes(toml, longest);
  if (!text.starts_with(first_line)) return std::nullopt;
  side_files files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::size_t at = text.find(file_key(i));
    if (at == std::string::npos) return std::nullopt;
    std::string name;
    for (std::size_t c = at + file_key(i).size() + 1; c < text.size() && text[c] != '"'; ++c) {
      if (text[c] == '\\') ++c;
      if (c < text.size()) name += text[c];
    }
    files[i] = toml.parent_path() / fs::path(name).filename();
    if (!fs::is_regular_file(fs::symlink_status(files[i]))) return std::nullopt;
  }
  return files;
} catch (const format_error&) {
  return std::nullopt;
}

bool is_own_raw_csr(const fs::path& path) {
  return named_files(path).has_value();
}

std::string describe(const store_description& description, const side_files& files) {
  const scan_shape& scan = description.scan;
  std::string nav = fmt::format("{}, {}", scan.height, scan.width);
  if (scan.frames_per_position > 1) nav += fmt::format(", {}", scan.frames_per_position);
  constexpr std::array<const char*, side_names.size()> types{"<i8", "<i4", "<u4"};
  std::string text = fmt::format("{}[params]\nfiletype = \"raw_csr\"\nnav_shape = [{}]\nsig_shape = [{}, {}]\n\n[raw_csr]\n",
                                 first_line, nav, description.shape.height, description.shape.width);
  for (std::size_t i = 0; i < files.size(); ++i) {
    text +=
        fmt::format("{}{}\n{}_dtype = \"{}\"\n", file_key(i), quoted(files[i].filename().string()), side_names[i], types[i]);
  }
  return text;
}

}  // namespace

export_losses export_raw_csr(const event_store& store, const fs::path& path, const output_rules& rules) {
  const store_description& description = store.description();
  if (description.shape.pixels() > 0x7fff'ffffULL) throw invalid_argument("raw_csr takes frames of at most 2^31 - 1 pixels");
  output_file toml(path, raw_csr_output, rules);
  const std::uint64_t events = total_events(store);
  expect_output(toml.path(), fmt::format("{} events", events),
                2 * events * sizeof(std::uint32_t) + (store.frames() + 1) * sizeof(std::uint64_t),
                size_is::estimated);  // events at one pixel of a frame are one entry
  const std::optional<side_files> replaced = named_files(toml.path());
  const side_files names = free_names(toml.path());
  constexpr output_kind side_kind{"a file of raw_csr", [](const fs::path&) { return false; }};
  const output_rules only_new{existing_file::kept, rules.inputs};
  std::array<output_file, 3> sides{output_file(names[0], side_kind, only_new), output_file(names[1], side_kind, only_new),
                                   output_file(names[2], side_kind, only_new)};
  raw_output pointers(sides[0]);
  raw_output indices(sides[1]);
  raw_output data(sides[2]);
  std::uint64_t stored = 0;
  std::uint64_t all_merged = 0;
  pointers.append(std::vector<std::uint64_t>{0});
  std::vector<std::uint64_t> ends;
  for_each_merged_block(store, [&](const merged_block& block) {
    ends.clear();
    for (const std::uint64_t end : block.row_ends) ends.push_back(end + stored);
    stored += block.indices.size();
    all_merged += block.merged;
    pointers.append(ends);
    indices.append(block.indices);
    data.append(block.counts);
  });
  const std::string text = describe(description, names);
  raw_output(toml).append(text.data(), text.size());
  for (output_file& side : sides) side.finish();
  toml.finish();  // from here on the new files count
  if (replaced) {
    std::error_code ignored;
    for (const fs::path& old : *replaced) fs::remove(old, ignored);
  }
  return {all_merged, 0};
}

const output_kind raw_csr_output{"a raw_csr file of countem with all its files", is_own_raw_csr};

}  // namespace countem::io
