#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/store_copy.hpp>
#include <countem/types.hpp>

// Copies in which positions are merged or events carry values.
namespace countem::engine {

/// Frames of one row of positions in a copy, which are made at a time: some columns, or some repeats of one column.
struct copied_frames {
  std::uint32_t row = 0;           ///< of the copy
  std::uint32_t first_column = 0;  ///< of the copy
  std::uint32_t end_column = 0;
  std::uint32_t first_repeat = 0;
  std::uint32_t end_repeat = 0;

  /// Repeats at each of the positions.
  [[nodiscard]] std::uint32_t repeats() const { return end_repeat - first_repeat; }
  /// Of all of them.
  [[nodiscard]] std::size_t frames() const { return std::size_t{end_column - first_column} * repeats(); }
};

/// As many frames of the copy as hold some millions of events, one at least, in its order. None where all have been made.
class copied_walk {
 public:
  /// `counts`: [frame] of the store, event_store::counts(); `scan`: of the store.
  copied_walk(std::span<const std::uint32_t> counts, const scan_shape& scan, const copy_plan& plan)
      : counts_(counts), scan_(scan), plan_(plan) {}

  [[nodiscard]] copied_frames next();

 private:
  [[nodiscard]] std::uint64_t events_of(std::uint32_t column, std::uint32_t repeat) const;

  std::span<const std::uint32_t> counts_;
  const scan_shape& scan_;
  const copy_plan& plan_;
  std::uint32_t row_ = 0;  ///< of the next frame
  std::uint32_t column_ = 0;
  std::uint32_t repeat_ = 0;
};

/// Some frames of the copy, gathered from those of the store that go into them.
class merged_positions {
 public:
  /// `from`: shape of the store's frames. `frames_per_position`: of both.
  merged_positions(const copy_plan& plan, frame_shape from, std::uint32_t frames_per_position, bool with_values,
                   unsigned threads);

  /// Begins some frames. `counts`, `scan`: of the store, to know how large they get.
  void begin(std::span<const std::uint32_t> counts, const scan_shape& scan, const copied_frames& frames);
  /// Adds frames of one row of the store, `first_frame` counting from the first repeat of the first position.
  void add(const event_batch& events);
  /// The frames, in the copy's order but for first_frame.
  void take(event_batch& out);

 private:
  /// An event and what it carries.
  struct valued_event {
    std::uint32_t index;
    std::uint32_t value;
    friend auto operator<=>(const valued_event&, const valued_event&) = default;
  };

  struct frame {
    std::vector<std::uint32_t> indices;       ///< without values, while they are few
    std::vector<valued_event> valued;         ///< with values
    std::vector<std::uint32_t> multiplicity;  ///< [pixel] without values, where there are more events than pixels
    std::uint32_t xrays = 0;
    std::uint8_t arrived = 0;
    std::uint8_t whole = status_sectors;
    std::uint8_t flags = 0;
  };

  void add_events(const event_batch& events, std::size_t number, frame& into) const;
  void append(const frame& one, event_batch& out) const;

  const copy_plan& plan_;
  std::uint32_t from_width_;
  frame_shape to_;
  std::uint32_t frames_per_position_;
  bool with_values_;
  unsigned threads_;
  copied_frames now_;
  std::vector<frame> frames_;
};

}  // namespace countem::engine
