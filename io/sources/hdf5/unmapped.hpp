#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "io/sources/frame_axes.hpp"
#include "io/sources/hdf5/unwritten.hpp"

namespace countem::io {

/// What no source of a virtual dataset holds, as boxes: gaps of the detector, as between its modules, where that is so in every
/// frame; else frames that lack a part.
class unmapped_boxes {
 public:
  unmapped_boxes(const frame_axes& axes, const std::vector<hsize_t>& extent) : axes_(axes), extent_(extent) {}

  void add(std::span<const hsize_t> first, std::span<const hsize_t> end);

  /// By pixel, in the usual order: not 0 where no frame has it. Empty where there is none such, or no other.
  [[nodiscard]] std::vector<std::uint8_t> gaps() const;

  /// Shows the boxes that hold pixels which are not in `gaps`.
  void use_others(const std::vector<std::uint8_t>& gaps, const box_use& use) const;

 private:
  using rectangle = std::tuple<hsize_t, hsize_t, hsize_t, hsize_t>;  ///< rows and columns [first, end)
  struct box {
    std::vector<hsize_t> first;
    std::vector<hsize_t> end;
  };

  [[nodiscard]] rectangle pixels_of(std::span<const hsize_t> first, std::span<const hsize_t> end) const;

  const frame_axes& axes_;
  const std::vector<hsize_t>& extent_;
  std::map<rectangle, std::uint64_t> frames_;  ///< how many lack it
  std::vector<box> boxes_;
};

}  // namespace countem::io
