#include "io/event_files/eer_file.hpp"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <span>

#include <countem/error.hpp>

#include "io/sources/source_issues.hpp"

namespace countem::io {

namespace {

constexpr std::uint16_t run_of_8_bits = 65000;
constexpr std::uint16_t run_of_7_bits = 65001;
constexpr std::uint16_t widths_in_tags = 65002;
constexpr std::uint32_t acquisition_tag = 65001;  ///< XML
constexpr std::uint32_t run_bits_tag = 65007;
constexpr std::uint32_t x_bits_tag = 65008;
constexpr std::uint32_t y_bits_tag = 65009;

/// The directories of a TIFF one after another, by libtiff, which does not read what they lead to.
class tiff_directories {
 public:
  explicit tiff_directories(const file_handle& file) : file_(file), size_(file.size()) {
    constexpr tmsize_t most_memory = tmsize_t{1} << 26U;
    const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    if (!options) throw std::bad_alloc();
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_memory);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), ignore, nullptr);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore, nullptr);
    constexpr auto* header_only = "rhm";
    tiff_.reset(TIFFClientOpenExt(file.path().c_str(), header_only, this, read, write, seek, close, size, nullptr, nullptr,
                                  options.get()));
    rethrow();
  }

  /// Whether it is a TIFF.
  explicit operator bool() const { return tiff_ != nullptr; }

  /// Whether there is a next directory, as far as this one, or the file's header, leads to one.
  [[nodiscard]] bool has_next() const { return TIFFLastDirectory(tiff_.get()) == 0; }
  /// Goes there; false where it cannot be read.
  bool next() {
    const bool read = TIFFReadDirectory(tiff_.get()) == 1;
    rethrow();
    return read;
  }

  /// Whether the file ends before the link behind this directory, which libtiff takes for a link to none.
  [[nodiscard]] bool lacks_link() const {
    if (TIFFIsByteSwapped(tiff_.get()) != 0) return false;  // no camera writes it
    const bool is_big = TIFFIsBigTIFF(tiff_.get()) != 0;
    const std::uint64_t begin = TIFFCurrentDirOffset(tiff_.get());
    std::uint64_t entries = 0;
    file_.read_at(begin, &entries, is_big ? 8 : 2);
    return begin + (is_big ? 8 + 20 * entries + 8 : 2 + 12 * entries + 4) > size_;
  }

  /// A number that has a place in TIFF itself; 0: it is not there.
  template <class T>
  [[nodiscard]] T number(std::uint32_t tag) const {
    T value = 0;
    return TIFFGetField(tiff_.get(), tag, &value) == 1 ? value : T{0};
  }

  /// Where the data lie.
  [[nodiscard]] std::vector<eer_strip> strips() const {
    if (TIFFIsTiled(tiff_.get()) != 0) return {};  // libtiff then has as many places as tiles, and no camera writes them
    const std::uint64_t* offsets = nullptr;
    const std::uint64_t* bytes = nullptr;
    if (TIFFGetField(tiff_.get(), TIFFTAG_STRIPOFFSETS, &offsets) != 1 || offsets == nullptr) return {};
    if (TIFFGetField(tiff_.get(), TIFFTAG_STRIPBYTECOUNTS, &bytes) != 1 || bytes == nullptr) return {};
    std::vector<eer_strip> found(TIFFNumberOfStrips(tiff_.get()));
    for (std::size_t i = 0; i < found.size(); ++i) found[i] = {offsets[i], bytes[i]};
    return found;
  }

  /// The bytes of a tag of the camera's maker, as numbers of its type lie in memory; nothing: it is not there.
  [[nodiscard]] std::span<const std::byte> maker_tag(std::uint32_t tag) const {
    const TIFFField* field = TIFFFindField(tiff_.get(), tag, TIFF_ANY);
    if (field == nullptr || TIFFFieldPassCount(field) == 0 || TIFFFieldReadCount(field) != TIFF_VARIABLE2) return {};
    std::uint32_t count = 0;
    const void* values = nullptr;
    if (TIFFGetField(tiff_.get(), tag, &count, &values) != 1 || values == nullptr) return {};
    const int bytes = TIFFDataWidth(TIFFFieldDataType(field));
    return {static_cast<const std::byte*>(values), std::size_t{count} * static_cast<std::size_t>(std::max(bytes, 0))};
  }

 private:
  static tiff_directories& self(thandle_t handle) { return *static_cast<tiff_directories*>(handle); }
  static tmsize_t read(thandle_t handle, void* to, tmsize_t bytes) {
    tiff_directories& of = self(handle);
    try {
      const std::size_t got = of.file_.read_at(of.at_, to, static_cast<std::size_t>(bytes));
      of.at_ += got;
      return static_cast<tmsize_t>(got);
    } catch (...) {  // libtiff is C
      of.problem_ = std::current_exception();
      return -1;
    }
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return -1; }
  static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    tiff_directories& of = self(handle);
    return of.at_ = offset + (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? of.at_ : of.size_);
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return self(handle).size_; }
  static int ignore(TIFF*, void*, const char*, const char*, std::va_list) { return 1; }

  void rethrow() const {
    if (problem_) std::rethrow_exception(problem_);
  }

  const file_handle& file_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  std::exception_ptr problem_;
  std::unique_ptr<TIFF, decltype(&TIFFClose)> tiff_{nullptr, TIFFClose};
};

std::uint16_t compression_of(const tiff_directories& tiff) {
  return tiff.number<std::uint16_t>(TIFFTAG_COMPRESSION);
}

bool is_of_electrons(std::uint16_t compression) {
  return compression >= run_of_8_bits && compression <= widths_in_tags;
}

/// A small number, in however many bytes; nothing where it is not there.
std::optional<unsigned> maker_number(const tiff_directories& tiff, std::uint32_t tag) {
  const std::span<const std::byte> bytes = tiff.maker_tag(tag);
  if (bytes.empty() || std::ranges::any_of(bytes.subspan(1), [](std::byte other) { return other != std::byte{0}; }))
    return std::nullopt;
  return std::to_integer<unsigned>(bytes[0]);
}

eer_code code_of(const tiff_directories& tiff, std::size_t directory) {
  const std::uint16_t compression = compression_of(tiff);
  constexpr unsigned usual_sub_bits = 2;
  if (compression == run_of_8_bits) return {8, usual_sub_bits};
  if (compression == run_of_7_bits) return {7, usual_sub_bits};
  const auto run = maker_number(tiff, run_bits_tag);
  const auto x = maker_number(tiff, x_bits_tag);
  const auto y = maker_number(tiff, y_bits_tag);
  constexpr unsigned most_run_bits = 16;
  constexpr unsigned most_sub_bits = 2;
  if (!run || !x || !y) {
    throw format_error(fmt::format("directory {} does not state in whole numbers how its electrons are packed (tags {} to {})",
                                   directory, run_bits_tag, y_bits_tag));
  }
  if (*run < 1 || *run > most_run_bits || *x > most_sub_bits || x != y) {
    throw format_error(
        fmt::format("directory {} packs electrons in {} bits of empty pixels and {} x {} of places in a pixel (tags {} to {}); "
                    "known are 1 to {}, and 0 to {} alike along both axes",
                    directory, *run, *x, *y, run_bits_tag, y_bits_tag, most_run_bits, most_sub_bits));
  }
  return {*run, *x};
}

class eer_indexing {
 public:
  explicit eer_indexing(const file_handle& file) : file_(file), size_(file.size()), tiff_(file) {}

  eer_index result() {
    std::size_t directory = 0;
    bool is_whole = true;
    for (; tiff_ && is_whole && tiff_.has_next(); ++directory) {
      is_whole = tiff_.next();
      if (is_whole) take(directory);
    }
    if (!is_whole || (directory > 0 && tiff_.lacks_link())) {
      issues_.add("truncated_file", file_.path(), [&] {
        return fmt::format("it ends, or is damaged, behind {} frames: those that followed are lost", made_.frames.size());
      });
    }
    if (made_.frames.empty())
      throw format_error("holds no frame of electrons (a TIFF directory of compression 65000 to 65002)");
    made_.issues = issues_.take();
    return std::move(made_);
  }

 private:
  void take(std::size_t directory) {
    const std::uint16_t compression = compression_of(tiff_);
    if (made_.metadata.empty()) take_metadata();
    if (!is_of_electrons(compression)) {
      if (!made_.frames.empty()) {
        issues_.add("other_image", file_.path(), [&] {
          return fmt::format("TIFF directory {} holds no electrons (compression {}) and was passed over", directory,
                             compression);
        });
      }
      return;
    }
    const eer_code code = code_of(tiff_, directory);
    const frame_shape shape{tiff_.number<std::uint32_t>(TIFFTAG_IMAGELENGTH), tiff_.number<std::uint32_t>(TIFFTAG_IMAGEWIDTH)};
    if (made_.frames.empty()) {
      take_first(shape, code, directory);
    } else if (shape != made_.shape || code.sub_bits != made_.sub_bits) {
      throw format_error(
          fmt::format("directory {} is of {} x {} pixels with places of {} bits, those before it of {} x {} with {}", directory,
                      shape.height, shape.width, code.sub_bits, made_.shape.height, made_.shape.width, made_.sub_bits));
    }
    take_strips(code);
  }

  void take_first(frame_shape shape, eer_code code, std::size_t directory) {
    constexpr std::uint32_t largest_side = 1U << 16U;
    const bool fits = shape.height > 0 && shape.width > 0 && shape.height <= largest_side && shape.width <= largest_side &&
                      (shape.pixels() << 2 * code.sub_bits) <= std::uint64_t{1} << 32U;
    if (!fits) {
      throw format_error(
          fmt::format("directory {} is of {} x {} pixels with {} places each along both axes, more than a store has", directory,
                      shape.height, shape.width, 1U << code.sub_bits));
    }
    made_.shape = shape;
    made_.sub_bits = code.sub_bits;
  }

  /// Those within the file that no frame before had too many of: a small file must not make us believe in many bytes.
  void take_strips(eer_code code) {
    eer_frame frame{made_.strips.size(), 0, code.run_bits};
    const std::vector<eer_strip> strips = tiff_.strips();
    const bool fits = std::ranges::all_of(strips, [&](const eer_strip& strip) {
      if (strip.offset > size_ || strip.bytes > size_ - strip.offset || strip.bytes > size_ - taken_) return false;
      taken_ += strip.bytes;
      return true;
    });
    if (fits) {
      std::ranges::copy_if(strips, std::back_inserter(made_.strips), [](const eer_strip& strip) { return strip.bytes > 0; });
      frame.strips = made_.strips.size() - frame.first_strip;
    }
    made_.frames.push_back(frame);
  }

  void take_metadata() {
    constexpr std::size_t most_bytes = 32'768;
    const std::span<const std::byte> text = tiff_.maker_tag(acquisition_tag);
    if (text.size() > most_bytes) return;
    made_.metadata.assign(reinterpret_cast<const char*>(text.data()), text.size());
    made_.metadata.resize(std::min(made_.metadata.find('\0'), made_.metadata.size()));
  }

  const file_handle& file_;
  std::uint64_t size_;
  std::uint64_t taken_ = 0;  ///< bytes of strips so far
  tiff_directories tiff_;
  eer_index made_;
  issue_list issues_;
};

}  // namespace

bool is_eer(const file_handle& file) {
  tiff_directories tiff(file);
  constexpr int most_directories = 64;  // sums of the frames may come before them
  for (int seen = 0; tiff && seen < most_directories && tiff.has_next() && tiff.next(); ++seen) {
    if (is_of_electrons(compression_of(tiff))) return true;
  }
  return false;
}

eer_index index_eer(const file_handle& file) {
  return eer_indexing(file).result();
}

}  // namespace countem::io
