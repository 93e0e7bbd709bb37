#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <countem/output.hpp>
#include <countem/store_geometry.hpp>

namespace countem {

/// What is known of an image besides its values.
struct image_attribute {
  std::string name;                                        ///< letters, digits and underscores
  std::variant<double, std::uint64_t, std::string> value;  ///< as the attribute holds it
};

/// Where the first two axes of an image lie.
struct image_axes {
  axis_scale row;     ///< of axis 0, in `units`
  axis_scale column;  ///< of axis 1, in `units`
  std::string units;  ///< "pixels", "positions", "mrad", "nm"; empty: they are not known
};

/// Makes the values of images that are larger than memory should hold, while they are written.
class image_stream {
 public:
  /// Takes values of the image of that number, which follow those that it was given before in row-major order.
  using taker = std::function<void(std::size_t number, std::span<const double> values)>;
  image_stream() = default;
  image_stream(const image_stream&) = delete;
  image_stream& operator=(const image_stream&) = delete;
  virtual ~image_stream() = default;
  /// Makes all values of all its images, some at a time; anew each time it is called. @throws what making them throws
  virtual void make(const taker& take) const = 0;
};

/// Where the values of an image come from that holds none.
struct streamed_values {
  std::shared_ptr<const image_stream> stream;  ///< nothing: the image holds its values
  std::size_t number = 0;                      ///< of the image, for image_stream::taker
};

/// A result with a name, as it goes into a file: row-major, slowest axis first.
struct saved_image {
  std::string name;                   ///< of the dataset; letters, digits and underscores
  std::vector<std::uint64_t> extent;  ///< length of each axis
  std::variant<std::vector<std::uint32_t>, std::vector<std::uint64_t>, std::vector<double>>
      values;                                 ///< as many as the product of the extent
  std::string units;                          ///< as text, in the attribute `units`
  std::string meaning;                        ///< one line for whoever opens the file
  std::vector<image_attribute> attributes{};  ///< of the dataset
  image_axes axes{};                          ///< where its values lie
  streamed_values streamed{};                 ///< numbers of double precision that `values`, which is empty, does not hold

  /// Product of the extent.
  [[nodiscard]] std::uint64_t elements() const;
  /// Of the values, wherever they are.
  [[nodiscard]] std::uint64_t bytes() const;
};

/// expect_output() of a file that holds an image compressed, where the image is large.
void expect_image(const std::filesystem::path& path, const saved_image& image);

/// "radial, 1024 x 1024 x 408 numbers"
[[nodiscard]] std::string size_words(const saved_image& image);

/// What describes an image besides its values: its own attributes, and its axes as row_first, row_step, column_first,
/// column_step and axis_units.
[[nodiscard]] std::vector<image_attribute> attributes_of(const saved_image& image);

/// Writes the images as datasets of the group /reductions of a new HDF5 file, each with the attributes `units` and `meaning`
/// and its own, and `provenance` as text attributes of the group /provenance. The file gets its name when it is whole.
/// @throws io_error, invalid_argument as check_output()
void save_images(const std::filesystem::path& path, std::span<const saved_image> images,
                 std::span<const std::pair<std::string, std::string>> provenance, const output_rules& rules = {});

/// Writes one image as a .npy file. @throws io_error, invalid_argument as check_output()
void save_npy(const std::filesystem::path& path, const saved_image& image, const output_rules& rules = {});

extern const output_kind images_output;  ///< what save_images() writes
extern const output_kind npy_output;     ///< a .npy file of countem: its header is spaced as no other program's

}  // namespace countem
