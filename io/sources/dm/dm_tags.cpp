#include "io/sources/dm/dm_tags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include <countem/error.hpp>
#include <countem/stop.hpp>

namespace countem::io {

namespace {

constexpr std::uint64_t most_dm_tags = 1'000'000;
constexpr std::size_t deepest_dm_tag = 64;
constexpr std::uint64_t longest_dm_description = 4096;
constexpr std::uint64_t longest_dm_text = 256;  // bytes of values that anybody wants

/// 0 for types that are not of one size.
std::uint64_t bytes_of_dm_type(std::uint64_t type) {
  constexpr std::array<std::uint64_t, 13> sizes{0, 0, 2, 4, 2, 4, 4, 8, 1, 1, 1, 8, 8};
  return type < sizes.size() ? sizes[type] : 0;
}

/// Reads the file in order, through a window.
class dm_reader {
 public:
  explicit dm_reader(const file_handle& file) : file_(file), bytes_(file.size()) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw format_error(fmt::format("{}: its tags are damaged at byte {}: {}", file_.path().string(), at_, what));
  }
  [[nodiscard]] std::uint64_t at() const { return at_; }
  [[nodiscard]] std::string name() const { return file_.path().string(); }

  void skip(std::uint64_t bytes) {
    if (bytes > bytes_ - at_) fail("they lead beyond the end of the file, which was cut");
    at_ += bytes;
  }

  /// A number of up to 8 bytes.
  std::uint64_t number(std::size_t size, bool big_endian) {
    const std::string_view raw = take(size);
    std::uint64_t value = 0;
    for (std::size_t byte = 0; byte < size; ++byte) {
      const std::size_t shift = 8 * (big_endian ? size - 1 - byte : byte);
      value |= std::uint64_t{static_cast<unsigned char>(raw[byte])} << shift;
    }
    return value;
  }

  std::string text(std::size_t size) { return std::string(take(size)); }

 private:
  std::string_view take(std::size_t size) {
    if (size > bytes_ - at_) fail("they lead beyond the end of the file, which was cut");
    if (at_ < window_at_ || at_ + size > window_at_ + window_.size()) {
      window_.resize(std::max<std::size_t>(size, std::size_t{1} << 16));
      window_.resize(file_.read_at(at_, window_.data(), window_.size()));
      window_at_ = at_;
      if (window_.size() < size) fail("they lead beyond the end of the file, which was cut");
    }
    const std::string_view taken = std::string_view(window_).substr(at_ - window_at_, size);
    at_ += size;
    return taken;
  }

  const file_handle& file_;
  std::uint64_t bytes_;
  std::uint64_t at_ = 0;
  std::string window_;
  std::uint64_t window_at_ = 0;
};

class dm_tree {
 public:
  explicit dm_tree(const file_handle& file) : reader_(file) {}

  dm_contents read() {
    contents_.version = static_cast<std::uint32_t>(reader_.number(4, true));
    constexpr std::uint32_t hdf5 = 0x8948'4446U;  // the first bytes of its signature
    if (contents_.version == hdf5) {
      throw format_error(reader_.name() + ": is HDF5, as DM5 is, and neither DM3 nor DM4",
                         {{advice_kind::input_format, "hdf5"}});
    }
    if (contents_.version != 3 && contents_.version != 4) reader_.fail("it is of neither version 3 nor 4");
    word_ = contents_.version == 3 ? 4 : 8;
    reader_.skip(word_);
    contents_.big_endian = reader_.number(4, true) == 0;
    group();
    return std::move(contents_);
  }

 private:
  void group() {
    if (path_.size() > deepest_dm_tag) reader_.fail("groups lie too deep in one another");
    reader_.skip(2);
    const std::uint64_t count = reader_.number(word_, true);
    for (std::uint64_t place = 0; place < count; ++place) {
      if (++tags_ > most_dm_tags) reader_.fail(fmt::format("there are more than {}", most_dm_tags));
      check_stop();
      if (!tag(place)) return;
    }
  }

  /// False at the end of the tags.
  bool tag(std::uint64_t place) {
    const std::uint64_t kind = reader_.number(1, true);
    if (kind == 0) return false;
    std::string name = reader_.text(reader_.number(2, true));
    path_.push_back(name.empty() ? std::to_string(place) : std::move(name));
    std::uint64_t end = 0;
    if (contents_.version == 4) {
      const std::uint64_t bytes = reader_.number(8, true);
      end = reader_.at() + bytes;
      if (end < bytes) reader_.fail("a tag has an absurd length");
    }
    if (kind == 20) {
      group();
    } else if (kind == 21) {
      value();
    } else {
      reader_.fail(fmt::format("a tag is of kind {}", kind));
    }
    if (contents_.version == 4 && reader_.at() != end) reader_.fail("a tag does not end where it should");
    path_.pop_back();
    return true;
  }

  void value() {
    if (reader_.text(4) != "%%%%") reader_.fail("a value does not begin with %%%%");
    const std::uint64_t length = reader_.number(word_, true);
    if (length == 0 || length > longest_dm_description)
      reader_.fail(fmt::format("a value has a description of {} numbers", length));
    description_.clear();
    for (std::uint64_t word = 0; word < length; ++word) description_.push_back(reader_.number(word_, true));
    const std::uint64_t type = description_[0];
    if (length == 1 && bytes_of_dm_type(type) != 0) {
      simple(type);
    } else if (length == 3 && type == 20 && bytes_of_dm_type(description_[1]) != 0) {
      array({description_[1], description_[2], reader_.at()});
    } else {
      std::size_t next = 0;
      skip_bytes(bytes_described(next, 0), 1);
    }
  }

  /// Bytes of the value that the description from `next` on is of.
  std::uint64_t bytes_described(std::size_t& next, int depth) {
    const auto word = [&] {
      if (next >= description_.size()) reader_.fail("a description ends too early");
      return description_[next++];
    };
    const std::uint64_t type = word();
    if (const std::uint64_t bytes = bytes_of_dm_type(type); bytes != 0) return bytes;
    if (depth > 4) reader_.fail("a description has too many layers");
    if (type == 18) return product(word(), 2);
    if (type == 15) {
      word();
      const std::uint64_t fields = word();
      std::uint64_t bytes = 0;
      for (std::uint64_t field = 0; field < fields; ++field) {
        word();
        bytes = sum(bytes, bytes_described(next, depth + 1));
      }
      return bytes;
    }
    if (type != 20) reader_.fail(fmt::format("a value is of type {}", type));
    const std::uint64_t element = bytes_described(next, depth + 1);
    return product(word(), element);
  }

  std::uint64_t product(std::uint64_t count, std::uint64_t bytes) {
    if (bytes != 0 && count > (std::uint64_t{1} << 62) / bytes) reader_.fail("a value has an absurd length");
    return count * bytes;
  }
  std::uint64_t sum(std::uint64_t one, std::uint64_t other) {
    if (one > std::uint64_t{1} << 62 || other > std::uint64_t{1} << 62) reader_.fail("a value has an absurd length");
    return one + other;
  }
  void skip_bytes(std::uint64_t count, std::uint64_t bytes) { reader_.skip(product(count, bytes)); }

  [[nodiscard]] bool is_at(std::size_t depth, std::string_view name) const {
    return path_.size() > depth && path_[depth] == name;
  }

  /// The image whose tags these are: "ImageList / number / ...". Null elsewhere.
  dm_image* image() {
    if (!is_at(0, "ImageList") || path_.size() < 3) return nullptr;
    const std::string& number = path_[1];
    if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos) return nullptr;
    return &contents_.images[std::stoull(number)];
  }

  /// The axis whose calibration these tags are: "ImageData / Calibrations / Dimension / number / ...". Null elsewhere.
  dm_image::calibration* calibration(dm_image& here) {
    if (!is_at(2, "ImageData") || !is_at(3, "Calibrations") || !is_at(4, "Dimension") || path_.size() != 7) return nullptr;
    const std::string& number = path_[5];
    if (number.size() != 1 || number[0] < '0' || number[0] > '9') return nullptr;
    const auto axis = static_cast<std::size_t>(number[0] - '0');
    if (here.calibrations.size() <= axis) here.calibrations.resize(axis + 1);
    return &here.calibrations[axis];
  }

  static double real_of(std::uint64_t type, std::uint64_t raw) {
    if (type == 6) return std::bit_cast<float>(static_cast<std::uint32_t>(raw));
    return type == 7 ? std::bit_cast<double>(raw) : 0;
  }

  std::string text_of(const dm_array& found) {
    std::string text;
    for (std::uint64_t at = 0; at < found.elements; ++at) {
      const std::uint64_t letter = reader_.number(2, contents_.big_endian);
      if (letter < 0x80) {
        text += static_cast<char>(letter);
      } else if (letter == 0xb5 || letter == 0x3bc) {
        text += 'u';
      } else {
        text += letter == 0xc5 || letter == 0x212b ? 'A' : '?';
      }
    }
    return text;
  }

  void simple(std::uint64_t type) {
    const std::uint64_t raw = reader_.number(bytes_of_dm_type(type), contents_.big_endian);
    if (is_at(0, "Thumbnails") && path_.size() == 3 && path_[2] == "ImageIndex") contents_.thumbnails.push_back(raw);
    dm_image* const here = image();
    if (here == nullptr) return;
    if (is_at(2, "ImageData") && path_.size() == 4 && path_[3] == "DataType") here->type = raw;
    if (is_at(2, "ImageData") && is_at(3, "Dimensions") && path_.size() == 5 && here->dimensions.size() < 16)
      here->dimensions.push_back(raw);
    if (is_in_meta_data("Data Order Swapped")) here->order_swapped = raw != 0;
    if (is_at(2, "ImageTags") && is_at(3, "Microscope Info") && path_.size() == 5 && path_[4] == "Voltage")
      here->voltage_v = real_of(type, raw);
    if (dm_image::calibration* const axis = calibration(*here)) {
      if (path_[6] == "Origin") axis->origin = real_of(type, raw);
      if (path_[6] == "Scale") axis->scale = real_of(type, raw);
    }
  }

  [[nodiscard]] bool is_in_meta_data(std::string_view name) const {
    return is_at(2, "ImageTags") && is_at(3, "Meta Data") && path_.size() == 5 && path_[4] == name;
  }

  void array(const dm_array& found) {
    dm_image* const here = image();
    if (here != nullptr && is_at(2, "ImageData") && path_.size() == 4 && path_[3] == "Data") {
      here->data = found;
      skip_bytes(found.elements, bytes_of_dm_type(found.type));
    } else if (here != nullptr && bytes_of_dm_type(found.type) == 2 && found.elements <= longest_dm_text &&
               is_in_meta_data("Format")) {
      here->format = text_of(found);
    } else if (here != nullptr && bytes_of_dm_type(found.type) == 2 && found.elements <= longest_dm_text &&
               calibration(*here) != nullptr && path_[6] == "Units") {
      calibration(*here)->units = text_of(found);
    } else {
      skip_bytes(found.elements, bytes_of_dm_type(found.type));
    }
  }

  dm_reader reader_;
  dm_contents contents_;
  std::size_t word_ = 8;
  std::uint64_t tags_ = 0;
  std::vector<std::string> path_;
  std::vector<std::uint64_t> description_;
};

}  // namespace

dm_contents read_dm_tags(const file_handle& file) {
  return dm_tree(file).read();
}

}  // namespace countem::io
