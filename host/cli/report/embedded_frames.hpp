#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/reductions.hpp>
#include <countem/store_batches.hpp>

// The frames that a reader of the report can display: all of them where they fit, else fewer positions or coarser pixels.
namespace countem::cli::report {

/// Gathers the events of each scan position, those of all frames at it together, from batches in scan order.
class position_walk {
 public:
  /// `visit` gets the position, row * width + column, and its events in ascending order.
  using visitor = std::function<void(std::uint64_t, std::span<const std::uint32_t>)>;
  position_walk(const scan_shape& scan, visitor visit) : repeats_(scan.frames_per_position), visit_(std::move(visit)) {}
  void add(const event_batch& events);

 private:
  std::uint32_t repeats_;
  visitor visit_;
  std::vector<std::uint32_t> gathered_;
};

/// Which frames, and how fine: every stride-th position of every stride-th row, and bin x bin pixels as one.
struct frame_choice {
  std::uint32_t stride = 1;
  std::uint32_t bin = 1;
  friend bool operator==(const frame_choice&, const frame_choice&) = default;
};

/// The rows or columns that a stride keeps: the middle one of each block.
struct kept_lines {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t stride = 1;
  [[nodiscard]] bool contains(std::uint32_t line) const { return line >= first && (line - first) % stride == 0; }
};
[[nodiscard]] kept_lines keep(std::uint32_t lines, std::uint32_t stride);

/// What each choice would cost, measured on all events.
class frame_costs {
 public:
  /// Choices begin at `finest`. No choice above `limit_bytes` of text will be asked for, which saves measuring it to the end.
  frame_costs(frame_shape shape, const scan_shape& scan, frame_choice finest, std::uint64_t limit_bytes);

  void add(std::uint64_t position, std::span<const std::uint32_t> events);
  /// Positions of one frame each, which follow one another, measured on so many threads; 0: all cores.
  void add(const event_batch& positions, unsigned threads);
  /// The first choice that fits; full pixels are preferred to all positions once pixels would become coarser than four by
  /// four. Nothing where none fits.
  [[nodiscard]] std::optional<frame_choice> choose(std::uint64_t limit_bytes) const;

 private:
  struct candidate {
    frame_choice choice;
    kept_lines rows;
    kept_lines columns;
    std::uint64_t frame_bytes = 0;
    std::uint64_t length_bytes = 0;
    [[nodiscard]] std::uint64_t text_bytes() const;
  };

  /// Coded bytes of a position with the pixels merged in each way that a candidate asks for.
  using coded_sizes = std::array<std::optional<std::uint64_t>, 3>;

  [[nodiscard]] bool is_asked_for(const candidate& one, std::uint64_t position) const;
  [[nodiscard]] coded_sizes measure(std::uint64_t position, std::span<const std::uint32_t> events) const;
  void take(std::uint64_t position, const coded_sizes& sizes);

  frame_shape shape_;
  std::uint32_t scan_width_;
  std::uint64_t limit_bytes_;
  std::vector<candidate> candidates_;  ///< in order of preference, those of one stride together
  std::vector<coded_sizes> measured_;
};

struct embedded_frames {
  frame_choice choice;
  kept_lines rows;
  kept_lines columns;
  frame_shape shape{};  ///< of the binned frames
  std::string frames;   ///< append_frame() of each, row by row
  std::string lengths;  ///< bytes of each, as varints
};

/// Reads and packs the frames of a choice. @throws as for_batches().
[[nodiscard]] embedded_frames embed_frames(const event_store& store, const frame_choice& choice,
                                           const reading_options& reading);

}  // namespace countem::cli::report
