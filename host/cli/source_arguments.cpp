#include "host/cli/source_arguments.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <system_error>

#include <countem/error.hpp>

#include "host/cli/file_lists.hpp"

namespace countem::cli {

namespace {

// The numbers of "AxB" or "AxBxC"; empty when the text is anything else or a number is 0 or beyond 32 bits.
std::vector<std::uint32_t> extents_from(std::string_view text) {
  std::vector<std::uint32_t> extents;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::uint32_t extent = 0;
    const auto [next, failure] = std::from_chars(at, end, extent);
    if (failure != std::errc{} || extent == 0) return {};
    extents.push_back(extent);
    if (next == end) return extents;
    if (*next != 'x') return {};
    at = next + 1;
  }
}

/// A type of pixel as we and as numpy name it.
struct element {
  std::string_view name;
  std::string_view code;  ///< of numpy, behind the byte order
  std::string_view word;  ///< of numpy
};
constexpr element elements[]{{"u8", "u1", "uint8"},    {"i8", "i1", "int8"},    {"u16", "u2", "uint16"},
                             {"i16", "i2", "int16"},   {"u32", "u4", "uint32"}, {"i32", "i4", "int32"},
                             {"u64", "u8", "uint64"},  {"i64", "i8", "int64"},  {"f16", "f2", "float16"},
                             {"f32", "f4", "float32"}, {"f64", "f8", "float64"}};

/// "u16", "f32be", or as numpy has it: "uint16", "<u2", ">f4". Without byte order u8 and i8 have 8 bits.
void set_element(raw_layout& layout, std::string_view text) {
  const bool coded = !text.empty() && std::string_view("<>|=").find(text.front()) != std::string_view::npos;
  layout.big_endian = text.starts_with('>') || (!coded && text.ends_with("be"));
  std::string_view name = text;
  if (coded) name.remove_prefix(1);
  if (!coded && layout.big_endian) name.remove_suffix(2);
  const auto find = [&](const auto& is_it) { return std::find_if(std::begin(elements), std::end(elements), is_it); };
  const element* found = std::end(elements);
  if (!coded) found = find([&](const element& one) { return one.name == name || one.word == name; });
  if (found == std::end(elements)) found = find([&](const element& one) { return one.code == name; });
  if (found == std::end(elements)) {
    throw invalid_argument(
        "--dtype " + std::string(text) +
        " is unknown: give u8, u16, u32, i8, i16, i32, i64, u64, f16, f32 or f64, with be behind it where the "
        "file is big-endian, or numpy's name: uint16, <u2, >f4");
  }
  layout.stored_as = found->name;
  for (const pixel_type type : {pixel_type::u8, pixel_type::u16, pixel_type::u32, pixel_type::f32}) {
    if (found->name != to_string(type)) continue;
    layout.type = type;
    layout.stored_as.clear();
  }
}

/// "v1, v2 (4D Camera), raw or hdf5": the formats for which `wanted` holds, a family named behind the last of it.
template <class Wanted>
std::string names_of_formats(const Wanted& wanted) {
  std::vector<std::string> names;
  std::string_view family;
  const auto close_family = [&] {
    if (!family.empty()) names.back() += " (" + std::string(family) + ")";
  };
  for (const input_format_facts& facts : input_formats()) {
    if (!wanted(facts)) continue;
    if (facts.family != family) close_family();
    family = facts.family;
    names.emplace_back(to_string(facts.format));
  }
  close_family();
  std::string list;
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (at > 0) list += at + 1 < names.size() ? ", " : " or ";
    list += names[at];
  }
  return list;
}

/// How the names of files end: the one that is given, the one with the dataset of FILE:/PATH, or those in a directory.
std::set<std::string> endings_of(const std::filesystem::path& given) {
  std::error_code failure;
  if (!std::filesystem::is_directory(given, failure)) {
    const std::string name = given.string();
    const bool is_file = std::filesystem::exists(given, failure);
    return {std::filesystem::path(is_file ? name : name.substr(0, name.find(":/"))).extension().string()};
  }
  std::set<std::string> endings;
  for (std::filesystem::directory_iterator entry(given, failure), end; !failure && entry != end; entry.increment(failure)) {
    const std::filesystem::path name = entry->path().filename();
    if (!name.string().starts_with('.')) endings.insert(name.extension().string());
  }
  return endings;
}

/// Refuses an option that is not for files of the format that is named, if one is.
template <class Suits>
void require(const char* option, const source_options& options, const Suits& suits) {
  if (!options.format || suits(facts_of(*options.format))) return;
  throw invalid_argument(std::string(option) + " is for --input-format " + names_of_formats(suits) + ", not for " +
                         std::string(to_string(*options.format)));
}

bool end_alike(const std::vector<std::filesystem::path>& some, const std::vector<std::filesystem::path>& others) {
  if (some.empty() || others.empty()) return false;
  const std::set<std::string> endings = endings_of(others.front());
  return std::ranges::any_of(endings_of(some.front()), [&](const std::string& ending) { return endings.contains(ending); });
}

}  // namespace

scan_shape scan_from(std::string_view text) {
  const std::vector<std::uint32_t> extents = extents_from(text);
  if (extents.size() != 2 && extents.size() != 3) {
    throw invalid_argument(
        "scan size '" + std::string(text) +
        "' is not WIDTHxHEIGHT (or WIDTHxHEIGHTxFRAMES with several frames at each position), each at least 1");
  }
  const scan_shape scan{extents[1], extents[0], extents.size() == 3 ? extents[2] : 0};
  if (scan.positions() > std::numeric_limits<std::uint64_t>::max() / with_repeats(scan, 1).frames_per_position) {
    throw invalid_argument("scan size '" + std::string(text) + "' is more frames than can be numbered");
  }
  return scan;
}

frame_shape shape_from(std::string_view text) {
  const std::vector<std::uint32_t> extents = extents_from(text);
  if (extents.size() != 2)
    throw invalid_argument("frame shape '" + std::string(text) + "' is not HEIGHTxWIDTH, each at least 1");
  return {extents[0], extents[1]};
}

std::vector<std::filesystem::path> paths_of(std::span<const input_file> scan, std::span<const input_file> others) {
  std::vector<std::filesystem::path> paths;
  for (const auto& files : {scan, others}) {
    for (const input_file& file : files) paths.push_back(file.path);
  }
  return paths;
}

std::array<CLI::Option*, 3> add_path_options(CLI::App& command, scan_path& path) {
  return {command
              .add_option("--skip", path.skip,
                          "Frames recorded before the first scan position; -N: the first N positions were not recorded")
              ->capture_default_str(),
          command.add_option("--flyback", path.flyback, "Frames recorded behind each line of the scan while the beam returns")
              ->capture_default_str(),
          command.add_flag("--snake", path.snake, "Every second line of the scan runs backwards")};
}

void source_arguments::add_to(CLI::App& command, bool required) {
  const auto group = [](CLI::Option* option) { option->group("Raw input"); };
  command
      .add_option_function<std::vector<std::string>>(
          "INPUT", [this](const std::vector<std::string>& given) { inputs_ = expand_file_lists(given); },
          "Raw files of one scan, or a directory of them; @LIST names a file with one path per line, - reads such a list from "
          "standard input")
      ->required(required)
      // None is needed for the parser, so that it does not take the last value of an option before it for the input.
      ->expected(0, CLI::detail::expected_max_vector_size);
  std::string words;
  for (const input_format_facts& facts : input_formats())
    words += (words.empty() ? "" : ",") + std::string(to_string(facts.format));
  group(command
            .add_option("--input-format", format_,
                        names_of_formats([](const auto&) { return true; }) + "; found out when not given")
            ->type_name("{" + words + "}"));
  group(command.add_option("--index", index_,
                           "4D Camera: what countem index made of these files, so that not every record is read to open them"));
  group(command.add_option(
      "--scan", scan_,
      "Scan size WIDTHxHEIGHT, with as many frames at each position as the files state, or WIDTHxHEIGHTxFRAMES"));
  for (CLI::Option* option : add_path_options(command, path_)) group(option);
  CLI::Option* shape = command.add_option("--shape", shape_, "Flat binary: frame shape HEIGHTxWIDTH");
  CLI::Option* layout[] = {
      command
          .add_option(
              "--dtype", type_,
              "Flat binary: u8 to u64, i8 to i64, f16 to f64, with be behind it when big-endian; or as numpy has it: uint16, "
              "<u2, >f4")
          ->capture_default_str(),
      command.add_option("--offset", offset_bytes_, "Flat binary: bytes before the first frame"),
      command.add_option("--gap", gap_bytes_, "Flat binary: bytes between one frame and the next"),
      command.add_option("--frame-count", frames_, "Flat binary: frames in each file; as many as it holds when not given")
          ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 28))};
  group(shape);
  for (CLI::Option* option : layout) group(option->needs(shape));
  group(command
            .add_option("--scale", scale_,
                        "Factor on all raw values, darks too, for data in another unit than ADU (keV, electrons)")
            ->check(CLI::Range(1e-30, 1e30))
            ->capture_default_str());
  group(command.add_option("--dataset", dataset_, "HDF5: path of the dataset; found by convention when not given"));
  group(command.add_option("--axes", axes_,
                           "HDF5, NPY: what the axes of the frames' array, and of the darks', are, in its order, of frame, "
                           "scan_row, scan_column, repeat, row, column; "
                           "by its writer's convention when not given"));
}

raw_layout source_arguments::layout() const {
  raw_layout layout{.shape = shape_from(shape_), .offset_bytes = offset_bytes_, .gap_bytes = gap_bytes_, .frames = frames_};
  set_element(layout, type_);
  return layout;
}

source_options source_arguments::format_options() const {
  source_options options;
  if (!format_.empty()) options.format = input_format_from(format_);
  if (shape_.empty()) return options;
  const auto needs_layout = [](const input_format_facts& facts) { return facts.needs_layout; };
  if (options.format && !needs_layout(facts_of(*options.format))) {
    throw invalid_argument("--shape is for --input-format " + names_of_formats(needs_layout) + "; " + format_ +
                           " files say their shape themselves");
  }
  options.raw = layout();
  return options;
}

source_options source_arguments::options_for_darks(const std::vector<std::filesystem::path>& darks) const {
  source_options options = end_alike(darks, inputs_) ? format_options() : source_options{};
  options.darks = true;
  options.axes = axes_;
  options.scale = scale_;
  return options;
}

source_options source_arguments::options() const {
  source_options options = format_options();
  if (!scan_.empty()) options.scan = scan_from(scan_);
  if (!dataset_.empty()) require("--dataset", options, [](const input_format_facts& facts) { return facts.has_datasets; });
  if (!axes_.empty()) require("--axes", options, [](const input_format_facts& facts) { return facts.has_axes; });
  options.path = path_;
  options.headers = index_;
  options.dataset = dataset_;
  options.axes = axes_;
  options.scale = scale_;
  return options;
}

}  // namespace countem::cli
