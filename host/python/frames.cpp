#include "host/python/frames.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <tuple>
#include <utility>

#include <countem/detector_image.hpp>
#include <countem/error.hpp>
#include <countem/record_headers.hpp>
#include <countem/threads.hpp>

#include "host/python/advice.hpp"
#include "host/python/array_reader.hpp"
#include "host/python/arrays.hpp"
#include "host/python/bindings.hpp"
#include "host/python/views.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

/// Bytes of an array that are in memory at a time, whatever its size.
constexpr std::size_t array_bytes = std::size_t{256} << 20U;
constexpr std::size_t least_piece_bytes = std::size_t{4} << 20U;
constexpr std::size_t most_piece_bytes = std::size_t{32} << 20U;

constexpr std::size_t most_sampled_frames = 256;
/// A scan is read in at least so many pieces, so that counting begins soon and can be stopped.
constexpr std::uint64_t fewest_pieces = 16;

/// Whole units, where they are not much larger than what is read at a time.
std::uint64_t piece_frames(const array_reader::wanted& what, std::uint64_t unit) {
  const std::size_t bytes = std::clamp(array_bytes / what.kept, least_piece_bytes, most_piece_bytes);
  const std::uint64_t most = std::min<std::uint64_t>(bytes / what.frame_bytes, what.frames / fewest_pieces);
  const std::uint64_t wanted = std::max<std::uint64_t>(1, most);
  return unit > 4 * wanted ? wanted : (wanted + unit - 1) / unit * unit;
}

std::size_t bytes_of(std::string_view type) {
  return static_cast<std::size_t>(std::stoi(std::string(type.substr(1)))) / 8;
}

}  // namespace

raw_frames::raw_frames(std::unique_ptr<frame_source> opened) : opened_(std::move(opened)), info_(opened_->info()) {}

raw_frames::raw_frames(array_frames array, nb::object read, std::uint64_t unit, const source_options& options)
    : info_(open_array(array, options)->info()),
      array_(std::move(array)),
      read_(std::move(read)),
      unit_(std::max<std::uint64_t>(1, unit)),
      options_(options) {}

std::shared_ptr<const frame_source> raw_frames::open(desk& serving, reading how, unsigned threads) const {
  if (opened_) return opened_;
  const std::size_t rank = array_.extent.size();
  array_reader::wanted what;
  what.read = read_;
  what.type = array_.type;
  what.shape = {info_.shape.height, info_.shape.width};
  what.frame_bytes = info_.shape.pixels() * bytes_of(array_.type);
  what.frames = 1;
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) what.frames *= array_.extent[axis];
  // A slow thread may be at work on an early piece while the others take what follows it.
  what.kept = 4 * (threads != 0 ? threads : usable_threads()) + 4;
  what.ahead = how == reading::in_order;
  if (what.ahead) {
    what.piece_frames = piece_frames(what, unit_);
  } else {  // a sample is gone through several times
    what.kept = std::max(what.kept, std::min(most_sampled_frames, array_bytes / what.frame_bytes));
  }
  array_frames array = array_;
  const auto reader = std::make_shared<array_reader>(serving, std::move(what));
  array.fill = [reader](std::uint64_t first, std::size_t count, std::byte* to) { reader->fill(first, count, to); };
  return open_array(std::move(array), options_);
}

namespace {

/// How files are opened, as Python code gives it; empty and 0: not given.
struct opening {
  std::string format;
  std::optional<std::vector<std::uint32_t>> scan;   ///< rows, columns, repeats
  std::optional<std::vector<std::uint32_t>> shape;  ///< of flat frames: rows, columns
  std::string type;                                 ///< of flat pixels
  bool big_endian = false;
  std::uint64_t offset = 0;
  std::uint64_t gap = 0;
  std::string dataset;
  std::string axes;
  std::string index;
  double scale = 1;
  bool keep_fractions = false;
  bool darks = false;
  std::int64_t skip = 0;
  std::uint32_t flyback = 0;
  bool snake = false;
};

source_options options_of(const opening& given) {
  source_options options;
  if (!given.format.empty()) options.format = input_format_from(given.format);
  if (given.scan) options.scan = scan_shape{given.scan->at(0), given.scan->at(1), given.scan->at(2)};
  if (given.shape) {
    const frame_shape shape{given.shape->at(0), given.shape->at(1)};
    raw_layout& layout = options.raw.emplace();
    layout = {.shape = shape, .big_endian = given.big_endian, .offset_bytes = given.offset, .gap_bytes = given.gap};
    const auto is_named = [&](pixel_type type) { return to_string(type) == given.type; };
    constexpr std::array types{pixel_type::u8, pixel_type::u16, pixel_type::u32, pixel_type::f32};
    const auto* const known = std::find_if(types.begin(), types.end(), is_named);
    if (known != types.end()) layout.type = *known;
    if (known == types.end()) layout.stored_as = given.type;
  }
  options.dataset = given.dataset;
  options.axes = given.axes;
  options.headers = given.index;
  options.scale = given.scale;
  options.keep_fractions = given.keep_fractions;
  options.darks = given.darks;
  options.path = {given.skip, given.flyback, given.snake};
  return options;
}

/// Rows of a frame one after another; what did not arrive is 0.
buffer<std::byte> pixels_of(const frame_view& frame) {
  const std::size_t row_bytes = frame.shape.width * size_of(frame.type);
  buffer<std::byte> pixels(frame.shape.height * row_bytes);
  for (std::uint32_t row = 0; row < frame.shape.height; ++row) {
    const std::byte* const from = frame.present == 0 ? nullptr : frame.row(row);
    std::byte* const to = pixels.data.get() + row * row_bytes;
    if (from != nullptr) std::memcpy(to, from, row_bytes);
    if (from == nullptr) std::memset(to, 0, row_bytes);
  }
  return pixels;
}

nb::ndarray<nb::numpy> to_image(buffer<std::byte>&& pixels, frame_shape shape, pixel_type type) {
  auto owner = std::make_unique<buffer<std::byte>>(std::move(pixels));
  void* const data = owner->data.get();
  const nb::capsule keeper(owner.get(), [](void* kept) noexcept { delete static_cast<buffer<std::byte>*>(kept); });
  static_cast<void>(owner.release());
  const auto code = type == pixel_type::f32 ? nb::dlpack::dtype_code::Float : nb::dlpack::dtype_code::UInt;
  return {data,
          {shape.height, shape.width},
          keeper,
          {},
          {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(8 * size_of(type)), 1}};
}

/// Pixels, and the mask of sectors that arrived; 15: all.
std::tuple<nb::ndarray<nb::numpy>, unsigned> read_frame(const raw_frames& self, std::uint64_t number) {
  std::atomic<bool> stop{false};
  desk serving(stop);
  const auto source = self.open(serving, reading::here_and_there, 1);
  buffer<std::byte> pixels;
  unsigned present = 0;
  serving.run([&] {
    frame_batch batch;
    source->read(number, 1, batch);
    present = batch.frames.front().present;
    pixels = pixels_of(batch.frames.front());
  });
  return {to_image(std::move(pixels), self.info().shape, self.info().type), present};
}

std::unique_ptr<raw_frames> open_files(const std::vector<std::filesystem::path>& paths, const opening& given) {
  return call_stoppable([&] { return std::make_unique<raw_frames>(open_source(paths, options_of(given))); });
}

/// Files and records.
std::tuple<std::uint64_t, std::uint64_t> index_files(const std::vector<std::filesystem::path>& paths, const opening& given,
                                                     const std::filesystem::path& output, bool overwrite) {
  const output_rules rules{existing_for(overwrite), paths};
  const kept_headers kept = call_stoppable([&] { return save_record_headers(paths, options_of(given), output, rules); });
  return {kept.files, kept.records};
}

std::unique_ptr<raw_frames> from_array(const std::string& name, const std::vector<std::uint64_t>& extent,
                                       const std::string& type, nb::object read, std::uint64_t unit, const opening& given) {
  static constexpr std::string_view types[] = {"u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f16", "f32", "f64"};
  const auto* const known = std::find(std::begin(types), std::end(types), type);
  const std::string_view kept = known == std::end(types) ? std::string_view(type) : *known;
  return std::make_unique<raw_frames>(array_frames{name, extent, kept, {}}, std::move(read), unit, options_of(given));
}

void bind_opening(nb::module_& m) {
  nb::class_<opening>(m, "Opening")
      .def(nb::init<>())
      .def_rw("format", &opening::format)
      .def_rw("scan", &opening::scan, nb::arg().none())
      .def_rw("shape", &opening::shape, nb::arg().none())
      .def_rw("type", &opening::type)
      .def_rw("big_endian", &opening::big_endian)
      .def_rw("offset", &opening::offset)
      .def_rw("gap", &opening::gap)
      .def_rw("dataset", &opening::dataset)
      .def_rw("axes", &opening::axes)
      .def_rw("index", &opening::index)
      .def_rw("scale", &opening::scale)
      .def_rw("keep_fractions", &opening::keep_fractions)
      .def_rw("darks", &opening::darks)
      .def_rw("skip", &opening::skip)
      .def_rw("flyback", &opening::flyback)
      .def_rw("snake", &opening::snake);
}

}  // namespace

void bind_frames(nb::module_& m) {
  bind_opening(m);
  nb::class_<raw_frames>(m, "Frames")
      .def_prop_ro("scan_shape",
                   [](const raw_frames& self) {
                     const scan_shape& scan = self.info().scan;
                     return std::make_tuple(scan.height, scan.width, scan.frames_per_position);
                   })
      .def_prop_ro("frame_shape",
                   [](const raw_frames& self) { return std::make_tuple(self.info().shape.height, self.info().shape.width); })
      .def_prop_ro("pixel_type", [](const raw_frames& self) { return std::string(to_string(self.info().type)); })
      .def_prop_ro("format", [](const raw_frames& self) { return std::string(to_string(self.info().format)); })
      .def_prop_ro("issues", [](const raw_frames& self) { return sentences(self.info().issues); })
      .def_prop_ro("missing_frames", [](const raw_frames& self) { return self.info().missing_frames; })
      .def_prop_ro("incomplete_frames", [](const raw_frames& self) { return self.info().incomplete_frames; })
      .def_prop_ro("files",
                   [](const raw_frames& self) {
                     std::vector<std::filesystem::path> paths;
                     for (const input_file& file : self.info().files) paths.push_back(file.path);
                     return paths;
                   })
      .def("read", &read_frame, nb::arg("number"));
  m.def("open_files", &open_files, nb::arg("paths"), nb::arg("opening"));
  m.def("index_files", &index_files, nb::arg("paths"), nb::arg("opening"), nb::arg("output"), nb::arg("overwrite"));
  m.def("open_array", &from_array, nb::arg("name"), nb::arg("extent"), nb::arg("type"), nb::arg("read"), nb::arg("unit"),
        nb::arg("opening"));
  m.def(
      "open_detector_image",
      [](const std::filesystem::path& path, std::uint32_t height, std::uint32_t width, const std::string& role) {
        return std::make_unique<raw_frames>(open_detector_image(path, {height, width}, choice_from<image_role>(role)));
      },
      nb::arg("path"), nb::arg("height"), nb::arg("width"), nb::arg("role"), nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace countem::python
