#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/sources/npy/entries.hpp"
#include "io/sources/scattered_source.hpp"
#include "io/sources/sources.hpp"

// NumPy's own format: "\x93NUMPY", version (2 bytes), header length (u16 in version 1, u32 from version 2 on), and a Python
// dictionary literal with the keys descr, fortran_order and shape. The pixels follow.
namespace countem::io {

namespace {

constexpr std::size_t longest_npy_header = 1 << 16;

/// Reads the few kinds of values that the dictionary holds.
class literal_reader {
 public:
  literal_reader(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw format_error(fmt::format("{}: the .npy header is damaged: {}", name_, what));
  }

  bool take(char wanted) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void expect(char wanted) {
    if (!take(wanted)) fail(fmt::format("'{}' is missing at byte {} of its dictionary", wanted, at_));
  }

  std::string quoted() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    const std::size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) fail(fmt::format("a quoted word is missing at byte {} of its dictionary", at_));
    const std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }

  bool truth() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return word == "True";
    }
    fail("fortran_order is neither True nor False");
  }

  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> numbers;
    expect('(');
    while (!take(')')) {
      skip_blanks();
      std::uint64_t number = 0;
      const char* const end = text_.data() + text_.size();
      const auto [after, problem] = std::from_chars(text_.data() + at_, end, number);
      if (problem != std::errc{}) fail("its shape is not a tuple of numbers");
      numbers.push_back(number);
      at_ = static_cast<std::size_t>(after - text_.data());
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // a long of Python 2
      if (!take(',') && !(at_ < text_.size() && text_[at_] == ')')) fail("its shape is not a tuple of numbers");
    }
    return numbers;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  std::string_view text_;
  std::string name_;
  std::size_t at_ = 0;
};

struct npy_header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;
};

npy_header parse(std::string_view text, const std::string& name) {
  npy_header header;
  literal_reader reader(text, name);
  int keys = 0;
  reader.expect('{');
  while (!reader.take('}')) {
    const std::string key = reader.quoted();
    reader.expect(':');
    if (key == "descr") {
      if (reader.take('['))
        throw format_error(name +
                           ": holds records of several fields, not pixels: save the frames alone as an array of numbers");
      header.descr = reader.quoted();
    } else if (key == "fortran_order") {
      header.fortran_order = reader.truth();
    } else if (key == "shape") {
      header.shape = reader.tuple();
    } else {
      reader.fail("its dictionary has an unknown key " + key);
    }
    ++keys;
    if (!reader.take(',')) {
      reader.expect('}');
      break;
    }
  }
  if (keys != 3) reader.fail("its dictionary does not have the keys descr, fortran_order and shape");
  return header;
}

stored_type type_of(const std::string& descr, const std::string& name) {
  using enum stored_type;
  constexpr std::array<std::pair<std::string_view, stored_type>, 12> known{{{"u1", u8},
                                                                            {"b1", u8},
                                                                            {"i1", i8},
                                                                            {"u2", u16},
                                                                            {"i2", i16},
                                                                            {"u4", u32},
                                                                            {"i4", i32},
                                                                            {"u8", u64},
                                                                            {"i8", i64},
                                                                            {"f2", f16},
                                                                            {"f4", f32},
                                                                            {"f8", f64}}};
  for (const auto& [code, type] : known) {
    if (descr.size() == 3 && descr.substr(1) == code) return type;
  }
  throw format_error(fmt::format(
      "{}: pixels of the NumPy type '{}' cannot be read: save them as numbers of 8 to 64 bits, whole or floating-point", name,
      descr));
}

/// The layout that the file's header describes. @throws format_error
scattered_layout npy_layout(const file_handle& file, const source_options& options) {
  const std::string name = file.path().string();
  std::array<unsigned char, 12> start{};
  const std::size_t got = file.read_at(0, start.data(), start.size());
  if (got < 10 || std::string_view(reinterpret_cast<const char*>(start.data()), 6) != "\x93NUMPY") {
    throw format_error(name + ": is not a .npy file: it does not begin with \\x93NUMPY");
  }
  const unsigned version = start[6];
  if (version < 1 || version > 3)
    throw format_error(fmt::format("{}: .npy version {}.{} is not known (1 to 3 are)", name, version, start[7]));
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t byte = 0; byte < length_bytes; ++byte) length |= std::size_t{start[8 + byte]} << (8 * byte);
  if (length > longest_npy_header)
    throw format_error(fmt::format("{}: claims a .npy header of {} bytes: it is damaged", name, length));
  std::string text(length, '\0');
  if (file.read_at(8 + length_bytes, text.data(), length) != length) throw format_error(name + ": ends within its .npy header");

  const npy_header header = parse(text, name);
  scattered_layout layout;
  layout.flat.type = type_of(header.descr, name);
  layout.flat.big_endian = header.descr[0] == '>';
  layout.flat.offset_bytes = 8 + length_bytes + length;
  check_extent(header.shape, name, options.image);
  layout.extent = header.shape;
  const std::size_t rank = header.shape.size();
  layout.axes = options.axes.empty() ? usual_axes(rank) : axes_from(options.axes, rank, name);
  const array_extent extent = extent_of_array(layout.axes.usual(layout.extent), name, options.image);
  layout.flat.shape = extent.shape;
  layout.flat.claimed = extent.scan;
  layout.flat.known.axes = layout.axes.names();
  if (header.fortran_order) {
    std::reverse(layout.extent.begin(), layout.extent.end());
    layout.axes = reversed_axes(layout.axes);
  }
  return layout;
}

std::unique_ptr<frame_source> open_npy(const std::vector<std::filesystem::path>& files, const source_options& options,
                                       issue_list issues) {
  file_handle file = file_handle::open_read(files.front());
  const scattered_layout layout = npy_layout(file, options);
  const input_format format = numpy_npy().facts.format;
  if (!layout.axes.are_usual()) return open_scattered(std::move(file), format, layout, options, std::move(issues));
  return open_flat(std::move(file), format, layout.flat, options, std::move(issues));
}

}  // namespace

const source_format& numpy_npy() {
  static const source_format entry{.facts = {.format = input_format("npy"), .suffixes = {".npy"}, .has_axes = true},
                                   .assumed_by_suffix = true,
                                   .begins = [](std::string_view bytes) { return bytes.starts_with("\x93NUMPY"); },
                                   .open = open_npy};
  return entry;
}

}  // namespace countem::io
