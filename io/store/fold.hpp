#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <countem/folded_store.hpp>

namespace countem::io {

/// Which frame of a store each frame of a folding is.
class folded_order {
 public:
  /// @throws as fold()
  folded_order(const store_description& from, const folding& wanted, const std::string& name);

  [[nodiscard]] std::optional<std::uint64_t> stored(std::uint64_t frame) const;
  /// As frame_order::run(), of numbers in the store; a store that is a snake itself has runs of one frame.
  [[nodiscard]] ordered_run run(std::uint64_t first, std::uint64_t end) const;
  [[nodiscard]] const scan_shape& scan() const { return order_.scan(); }
  /// Of the frames as they were recorded.
  [[nodiscard]] const frame_order& order() const { return order_; }

 private:
  frame_order order_;
  frame_order turned_;  ///< of the store itself, whose inverse it is, too
  bool is_turned_;
};

/// What the store is, with the scan of the folding.
[[nodiscard]] store_description folded_description(const store_description& from, const folded_order& order,
                                                   const folding& wanted);

}  // namespace countem::io
