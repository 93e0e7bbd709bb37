#include <bit>
#include <cstring>

#include "io/event_files/eer_file.hpp"

namespace countem::io {

namespace {

/// Bits of packed bytes from the lowest on; zeros behind the end, which count.
class electron_bits {
 public:
  explicit electron_bits(const std::vector<std::byte>& bytes) : bytes_(bytes) {}

  /// The next bits, up to 32; they stay.
  [[nodiscard]] std::uint32_t peek() {
    const std::size_t at = next_ / 8;
    std::uint64_t word = 0;
    if (at + sizeof word <= bytes_.size()) {
      std::memcpy(&word, bytes_.data() + at, sizeof word);
    } else if (at < bytes_.size()) {
      std::memcpy(&word, bytes_.data() + at, bytes_.size() - at);
    }
    return static_cast<std::uint32_t>(word >> next_ % 8);
  }
  void skip(unsigned bits) { next_ += bits; }
  [[nodiscard]] bool is_beyond() const { return next_ > 8 * std::uint64_t{bytes_.size()}; }

 private:
  const std::vector<std::byte>& bytes_;
  std::uint64_t next_ = 0;
};

static_assert(std::endian::native == std::endian::little);

/// Electrons of one row of pixels, which become 2^sub_bits rows of the finer grid.
class fine_rows {
 public:
  fine_rows(frame_shape shape, unsigned sub_bits)
      : pixels_(shape.width), bits_(sub_bits), columns_(std::size_t{shape.width} << sub_bits), counts_(1U << sub_bits) {}

  void add(std::uint32_t pixel, std::uint32_t part_x, std::uint32_t part_y) {
    columns_[std::size_t{part_y} * pixels_ + counts_[part_y]++] = (pixel << bits_) + part_x;
  }
  void move_to(std::uint32_t row, std::vector<std::uint32_t>& events) {
    for (std::uint32_t part = 0; part < counts_.size(); ++part) {
      const std::uint32_t first = ((row << bits_) + part) * (pixels_ << bits_);
      const std::uint32_t* columns = columns_.data() + std::size_t{part} * pixels_;
      for (std::uint32_t i = 0; i < counts_[part]; ++i) events.push_back(first + columns[i]);
      counts_[part] = 0;
    }
  }

 private:
  std::uint32_t pixels_;  ///< of the row
  unsigned bits_;
  std::vector<std::uint32_t> columns_;  ///< by finer row: one at most of each pixel
  std::vector<std::uint32_t> counts_;   ///< of each finer row
};

}  // namespace

bool unpack_eer(const std::vector<std::byte>& packed, frame_shape shape, eer_code code, std::vector<std::uint32_t>& events) {
  const std::uint32_t longest = (1U << code.run_bits) - 1;
  const std::uint32_t parts = (1U << code.sub_bits) - 1;
  const std::uint32_t upper_half = (1U << code.sub_bits) >> 1U;  // parts count from the middle of a pixel on
  const std::uint64_t pixels = shape.pixels();
  electron_bits bits(packed);
  fine_rows fine(shape, code.sub_bits);
  std::uint32_t row = 0;
  std::uint64_t row_end = shape.width;
  std::uint64_t pixel = 0;
  while (pixel < pixels && !bits.is_beyond()) {
    const std::uint32_t word = bits.peek();
    const std::uint32_t empty = word & longest;
    bits.skip(code.run_bits);
    pixel += empty;
    if (empty == longest || pixel >= pixels) continue;
    while (pixel >= row_end) {
      fine.move_to(row++, events);
      row_end += shape.width;
    }
    const std::uint32_t place = word >> code.run_bits;
    bits.skip(2 * code.sub_bits);
    fine.add(static_cast<std::uint32_t>(pixel - (row_end - shape.width)), (place & parts) ^ upper_half,
             (place >> code.sub_bits & parts) ^ upper_half);
    ++pixel;
  }
  fine.move_to(row, events);
  return pixel == pixels && !bits.is_beyond();
}

}  // namespace countem::io
