#include "tests/io/instrument_files.hpp"

#include <fmt/format.h>

namespace countem::testing_io {

namespace {

/// Tags of DM files.
class dm_writer {
 public:
  dm_writer(int version, bool big_endian) : word_(version == 3 ? 4 : 8), big_endian_(big_endian) {}

  [[nodiscard]] const file_bytes& bytes() const { return bytes_; }

  /// A number of the headers: big-endian.
  void number(std::uint64_t value, std::size_t size) {
    for (std::size_t byte = size; byte-- > 0;) bytes_.push_back(static_cast<char>(value >> 8 * byte & 0xff));
  }
  void word(std::uint64_t value) { number(value, word_); }

  template <class Contents>
  void tag(char kind, const std::string& name, const Contents& contents) {
    bytes_.push_back(kind);
    number(name.size(), 2);
    append_text(bytes_, name);
    dm_writer inside(word_ == 4 ? 3 : 4, big_endian_);
    contents(inside);
    if (word_ == 8) number(inside.bytes_.size(), 8);
    bytes_.insert(bytes_.end(), inside.bytes_.begin(), inside.bytes_.end());
  }
  template <class Contents>
  void group(const std::string& name, std::uint64_t tags, const Contents& contents) {
    tag(20, name, [&](dm_writer& inside) {
      inside.open_group(tags);
      contents(inside);
    });
  }
  void open_group(std::uint64_t tags) {
    number(1, 1);
    number(0, 1);
    word(tags);
  }
  void value(const std::string& name, const std::vector<std::uint64_t>& description, const file_bytes& contents) {
    tag(21, name, [&](dm_writer& inside) {
      append_text(inside.bytes_, "%%%%");
      inside.word(description.size());
      for (const std::uint64_t one : description) inside.word(one);
      inside.bytes_.insert(inside.bytes_.end(), contents.begin(), contents.end());
    });
  }
  void u32(const std::string& name, std::uint32_t number) {
    file_bytes contents;
    append<std::uint32_t>(contents, {number}, big_endian_);
    value(name, {5}, contents);
  }
  void truth(const std::string& name, bool is_true) { value(name, {8}, {static_cast<char>(is_true)}); }
  void text(const std::string& name, const std::string& text) {
    file_bytes contents;
    append(contents, std::vector<std::uint16_t>(text.begin(), text.end()), big_endian_);
    value(name, {20, 4, text.size()}, contents);
  }

 private:
  std::size_t word_;
  bool big_endian_;
  file_bytes bytes_;
};

void put_image(dm_writer& list, const dm_recipe& recipe) {
  list.group("", 2, [&](dm_writer& image) {
    image.group("ImageData", 3, [&](dm_writer& data) {
      data.value("Data", {20, recipe.element_type, recipe.elements}, recipe.pixels);
      data.u32("DataType", recipe.data_type);
      data.group("Dimensions", recipe.dimensions.size(), [&](dm_writer& axes) {
        for (const std::uint32_t size : recipe.dimensions) axes.u32("", size);
      });
    });
    image.group("ImageTags", 1, [&](dm_writer& tags) {
      tags.group("Meta Data", recipe.order_swapped ? 2 : 1, [&](dm_writer& data) {
        if (recipe.order_swapped) data.truth("Data Order Swapped", *recipe.order_swapped);
        data.text("Format", recipe.format);
      });
    });
  });
}

}  // namespace

std::string merlin_header_text(std::uint64_t number, const std::string& pixels, std::uint64_t width, std::uint64_t height,
                               const std::string& time, int chips, const std::string& layout, int bits) {
  std::string text =
      fmt::format("MQ1,{:06},{:05},{:02},{:04},{:04},{},   {},01,{},0.1,0,0,0,4.0E+1,3RX,068,511,MQ1A,{}Z,1ns,{},", number,
                  chips == 1 ? 384 : 768, chips, width, height, pixels, layout, time, time, bits);
  text.resize(chips == 1 ? 384 : 768);
  return text;
}

file_bytes dm_file(const dm_recipe& recipe) {
  dm_writer file(recipe.version, recipe.big_endian);
  dm_recipe thumbnail;
  thumbnail.big_endian = recipe.big_endian;
  thumbnail.dimensions = {2, 1};
  thumbnail.data_type = 23;  // colours
  thumbnail.element_type = 5;
  thumbnail.pixels = file_bytes(8, 't');
  thumbnail.elements = 2;
  file.number(static_cast<std::uint64_t>(recipe.version), 4);
  file.word(0);  // the size of the file, which nobody needs
  file.number(recipe.big_endian ? 0 : 1, 4);
  file.open_group(4);
  // A structure, an array of structures and a text, to be passed over.
  file.value("ApplicationBounds", {15, 0, 2, 0, 5, 0, 7}, file_bytes(12));
  file.value("CLUT", {20, 15, 0, 3, 0, 4, 0, 4, 0, 4, 2}, file_bytes(12));
  file.group("ImageList", recipe.thumbnail ? 2 : 1, [&](dm_writer& list) {
    if (recipe.thumbnail) put_image(list, thumbnail);
    put_image(list, recipe);
  });
  file.group("Thumbnails", recipe.thumbnail ? 1 : 0, [&](dm_writer& list) {
    if (recipe.thumbnail) list.group("", 1, [](dm_writer& one) { one.u32("ImageIndex", 0); });
  });
  return file.bytes();
}

file_bytes tvips_header(std::uint32_t version, std::uint32_t width, std::uint32_t height, std::uint32_t bits,
                        std::uint32_t frame_header_bytes) {
  file_bytes bytes;
  append<std::uint32_t>(bytes, {256, version, width, height, bits, 0, 0, 1, 1, 1, 200, 80, frame_header_bytes});
  bytes.resize(256, 'T');
  return bytes;
}

file_bytes tvips_frame_header(std::uint32_t position, std::size_t bytes) {
  file_bytes header(bytes);
  if (bytes >= 52) put_word(header, 48, position);
  return header;
}

file_bytes blo_header(std::uint16_t side, std::uint16_t scan_width, std::uint16_t scan_height, const std::string& note) {
  const auto pixels = static_cast<std::uint32_t>(scan_width) * scan_height;
  file_bytes bytes(512 + pixels);  // with a virtual image
  std::copy_n("IMGBLO", 6, bytes.begin());
  put_word<std::uint16_t>(bytes, 6, note.empty() ? 258 : 259);
  put_word<std::uint32_t>(bytes, 8, 512);
  put_word<std::uint32_t>(bytes, 12, 512 + pixels);
  put_word<std::uint16_t>(bytes, 20, side);
  put_word<std::uint16_t>(bytes, 24, scan_width);
  put_word<std::uint16_t>(bytes, 26, scan_height);
  std::copy(note.begin(), note.end(), bytes.begin() + 240);
  return bytes;
}

file_bytes blo_pattern_header(std::uint32_t number) {
  file_bytes bytes{'\xaa', '\x55'};
  append<std::uint32_t>(bytes, {number});
  return bytes;
}

file_bytes ser_file(const ser_recipe& recipe) {
  const std::size_t word = recipe.version >= 0x220 ? 8 : 4;
  file_bytes bytes;
  const auto offset = [&](std::uint64_t place) {
    for (std::size_t byte = 0; byte < word; ++byte) bytes.push_back(static_cast<char>(place >> 8 * byte & 0xff));
  };
  append<std::uint16_t>(bytes, {0x4949, 0x0197, recipe.version});
  append<std::uint32_t>(bytes, {0x4122, 0x4152, recipe.elements, static_cast<std::uint32_t>(recipe.images.size())});
  const std::size_t axis_bytes = 28 + 3 + 4 + 2;
  const std::uint64_t offsets = bytes.size() + word + 4 + axis_bytes * recipe.axes.size();
  offset(offsets);
  append<std::uint32_t>(bytes, {static_cast<std::uint32_t>(recipe.axes.size())});
  for (const std::uint32_t size : recipe.axes) {
    append<std::uint32_t>(bytes, {size});
    append<double>(bytes, {0, 1});
    append<std::uint32_t>(bytes, {0, 3});
    append_text(bytes, "pos");
    append<std::uint32_t>(bytes, {2});
    append_text(bytes, "nm");
  }
  const std::uint64_t first = offsets + word * recipe.elements;
  const std::uint64_t element = 50 + (recipe.images.empty() ? 0 : recipe.images.front().size());
  for (std::uint64_t place = 0; place < recipe.elements; ++place) offset(first + place * element);
  for (const file_bytes& image : recipe.images) {
    bytes.resize(bytes.size() + 40);  // calibration
    append<std::uint16_t>(bytes, {recipe.type});
    append<std::uint32_t>(bytes, {recipe.width, recipe.height});
    bytes.insert(bytes.end(), image.begin(), image.end());
  }
  return bytes;
}

file_bytes seq_header(std::uint32_t version, std::uint32_t width, std::uint32_t height, std::uint32_t bits,
                      std::uint32_t frames, std::uint32_t distance) {
  file_bytes bytes(version >= 5 ? 8192 : 1024);
  put_word<std::uint32_t>(bytes, 0, 0xfeed);
  std::size_t at = 4;
  for (const char letter : std::string("Norpix seq\n")) {
    bytes[at] = letter;
    at += 2;
  }
  put_word(bytes, 28, version);
  put_word<std::uint32_t>(bytes, 32, 1024);
  put_word(bytes, 548, width);
  put_word(bytes, 552, height);
  put_word(bytes, 556, bits);
  put_word(bytes, 560, bits);
  put_word<std::uint32_t>(bytes, 564, width * height * bits / 8);
  put_word(bytes, 572, frames);
  put_word(bytes, 580, distance);
  return bytes;
}

}  // namespace countem::testing_io
