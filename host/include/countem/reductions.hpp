#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <countem/counting.hpp>
#include <countem/types.hpp>

/// Images, maps and profiles computed from events and never from dense frames: each costs O(events).
/// Every event counts once, whatever value it carries; a repeated index counts as often as it is repeated.
namespace countem {

/// The events of consecutive frames, not owned. The events of frame f are indices[indptr[f]] up to indices[indptr[f + 1]],
/// ascending, so that a slice of the scan is a slice of `indptr` with the same `indices`.
struct event_view {
  frame_shape shape{};                     ///< of the event grid
  std::span<const std::uint64_t> indptr;   ///< frames + 1
  std::span<const std::uint32_t> indices;  ///< linear indices

  /// Number of frames.
  [[nodiscard]] std::size_t frames() const { return indptr.empty() ? 0 : indptr.size() - 1; }
  /// Events of all frames.
  [[nodiscard]] std::uint64_t event_count() const { return indptr.empty() ? 0 : indptr.back() - indptr.front(); }
  /// Events of one frame, ascending.
  [[nodiscard]] std::span<const std::uint32_t> events(std::size_t frame) const {
    return indices.subspan(indptr[frame], indptr[frame + 1] - indptr[frame]);
  }
  /// All events of all frames.
  [[nodiscard]] std::span<const std::uint32_t> events() const {
    return indptr.empty() ? indices.first(0) : indices.subspan(indptr.front(), event_count());
  }
};

/// The events of a batch on a grid of that shape; the batch must outlive the view.
[[nodiscard]] inline event_view view_of(const event_batch& batch, frame_shape shape) {
  return {shape, batch.indptr, batch.indices};
}

/// @throws invalid_argument when `indptr` is not ascending or points beyond the events, or an index lies outside the frame.
void validate(const event_view& events);

/// Whether the frames [first, end) are sorted and inside their grid, as validate() asks of all.
[[nodiscard]] bool are_frames_valid(const event_view& events, std::size_t first, std::size_t end);

/// A point of the detector in pixels; pixel (0, 0) has its centre at (0, 0).
struct detector_point {
  double row = 0;     ///< grows downwards
  double column = 0;  ///< grows to the right
  friend bool operator==(const detector_point&, const detector_point&) = default;
};

/// The middle of a frame.
[[nodiscard]] constexpr detector_point middle_of(frame_shape shape) {
  return {(static_cast<double>(shape.height) - 1) / 2, (static_cast<double>(shape.width) - 1) / 2};
}

/// A detector drawn on the summed pattern. A pixel belongs to it when inner^2 <= d^2 < outer^2, d the distance of its centre
/// from `centre`, and its direction lies in [from, to) degrees: 0 points to higher columns, 90 to lower rows (up on the
/// screen).
struct virtual_detector {
  std::string name;                                        ///< as it was typed
  std::optional<detector_point> centre;                    ///< unset: the scan's common centre
  double inner = 0;                                        ///< radius in detector pixels, included
  double outer = std::numeric_limits<double>::infinity();  ///< radius in detector pixels, excluded
  double from_degrees = 0;                                 ///< first direction of a wedge
  double to_degrees = 360;                                 ///< a wedge when to - from is below 360
  std::vector<std::uint8_t> mask;                          ///< instead of all that: one byte per pixel, not 0 where it belongs
  std::filesystem::path mask_file{};                       ///< read_detector_images() reads the mask from here
  bool in_mrad = false;                                    ///< the radii are scattering angles in mrad, not pixels
};

/// "annulus:R1,R2", "disk:R", "wedge:R1,R2,FROM,TO", each with an optional "@ROW,COLUMN"; the text is the detector's name.
/// "mrad" behind a radius makes all of them scattering angles, as in "annulus:10,60mrad".
/// @throws invalid_argument saying what was expected.
[[nodiscard]] virtual_detector parse_detector(std::string_view text);

/// The detector with its radii in pixels; `pixel_mrad` is the scattering angle of a pixel, 0 where it is not known.
/// @throws invalid_argument when the radii are in mrad and that angle is not known.
[[nodiscard]] virtual_detector in_pixels(virtual_detector detector, double pixel_mrad);

/// A length such as a radius: pixels, or mrad where "mrad" stands behind the number.
struct detector_length {
  double value = 0;      ///< in pixels or mrad
  bool in_mrad = false;  ///< which of them
  friend bool operator==(const detector_length&, const detector_length&) = default;
};

/// @throws invalid_argument when `text` is not a finite number with or without "mrad" behind it; `whole` is what it stands in.
[[nodiscard]] detector_length parse_length(std::string_view text, std::string_view whole);

/// A length in pixels; `pixel_mrad` is the scattering angle of a pixel, 0 where it is not known, `whole` what the length was
/// given for, for the error. @throws invalid_argument when it is in mrad and that angle is not known.
[[nodiscard]] double in_pixels(detector_length length, double pixel_mrad, std::string_view whole);

/// A disk or annulus as arithmetic: inside when inner <= dr * dr + dc * dc < outer, with dr = float(row) - row0 and dc likewise
/// in float32, every operation rounded once and none fused.
struct annulus_test {
  float row = 0;     ///< row of the centre, detector pixels
  float column = 0;  ///< column of the centre
  float inner = 0;   ///< square of the inner radius
  float outer = 0;   ///< square of the outer radius
};

/// Rows [first, end).
struct row_range {
  std::uint32_t first = 0;  ///< first row
  std::uint32_t end = 0;    ///< one beyond the last row
};

/// Several detectors as one bit per detector and pixel, so that one look-up per event serves up to eight.
struct detector_masks {
  /// Detectors per byte.
  static constexpr std::size_t per_group = 8;

  frame_shape shape{};                            ///< of the masks
  std::size_t detectors = 0;                      ///< number of detectors
  std::vector<std::vector<std::uint8_t>> groups;  ///< [detector / 8][pixel], bit detector % 8
  /// [detector]; set only where it names exactly the pixels of the mask, which was checked for each of them.
  std::vector<std::optional<annulus_test>> arithmetic;
  std::vector<row_range> rows;  ///< [detector]; no row outside has a pixel of it

  /// Whether a pixel belongs to a detector.
  [[nodiscard]] bool contains(std::size_t detector, std::uint64_t pixel) const {
    return ((groups[detector / per_group][pixel] >> (detector % per_group)) & 1U) != 0;
  }
};
/// No detector has the pixels whose `excluded` [pixel] is not 0; empty: all may be had.
/// @throws invalid_argument when a mask is not of the frame's size, or a radius is not a number or in mrad.
[[nodiscard]] detector_masks make_masks(std::span<const virtual_detector> detectors, frame_shape shape, detector_point centre,
                                        std::span<const std::uint8_t> excluded = {});

/// Weights per pixel as exact integers: weight(p) = weights[p] * unit, with the unit a power of two such that the largest
/// weight has 30 bits. Sums are then exact in any order; the rounding error is at most 2^-30 of the largest weight per event.
struct weight_image {
  frame_shape shape{};                ///< of the detector
  std::vector<std::int32_t> weights;  ///< [pixel], in units of `unit`
  double unit = 1;                    ///< a power of two
};
/// @throws invalid_argument when sizes differ or a weight is not a finite number.
[[nodiscard]] weight_image make_weights(std::span<const float> weights, frame_shape shape);
/// The same from numbers of double precision.
[[nodiscard]] weight_image make_weights(std::span<const double> weights, frame_shape shape);

/// Rings around a centre: ring = floor(distance / step); pixels beyond the last ring have `outside`.
struct ring_map {
  /// Ring of the pixels beyond the last ring.
  static constexpr std::uint16_t outside = 0xffff;

  frame_shape shape{};                ///< of the frames
  detector_point centre{};            ///< of all rings
  double step = 1;                    ///< width of a ring in pixels
  std::uint32_t rings = 0;            ///< number of rings
  std::vector<std::uint16_t> ring;    ///< per pixel
  std::vector<std::uint64_t> pixels;  ///< per ring: detector pixels that lie in it and are used
  bool by_distance = true;            ///< no pixel is outside for another reason than its distance
};
/// `rings` 0: as many as the frame's farthest corner needs.
/// @throws invalid_argument when the step is not above 0 or more than 65535 rings are needed.
[[nodiscard]] ring_map make_rings(frame_shape shape, detector_point centre, double step = 1, std::uint32_t rings = 0);

/// Takes pixels out of the rings. Masked pixels never have a hit: they only do not count among `pixels`. Events on excluded
/// pixels do not count either. Both [pixel], not 0 where a pixel is; empty: none is.
/// @throws invalid_argument when they are not of the map's size.
void leave_out(ring_map& rings, std::span<const std::uint8_t> masked, std::span<const std::uint8_t> excluded);

/// Sums over the events of one frame, exact.
struct event_moments {
  std::uint64_t events = 0;      ///< number of events
  std::uint64_t row_sum = 0;     ///< of their rows
  std::uint64_t column_sum = 0;  ///< of their columns
  friend bool operator==(const event_moments&, const event_moments&) = default;
  /// Adds the events of another frame.
  event_moments& operator+=(const event_moments& frame) {
    events += frame.events;
    row_sum += frame.row_sum;
    column_sum += frame.column_sum;
    return *this;
  }
};

/// Mean (row, column) of the events; NaN, NaN where there are none.
[[nodiscard]] detector_point centre_of_mass(const event_moments& moments);

/// Sums over the events of one frame up to second order, exact: each is below 2^64 for most_second_order_events() events.
struct event_second_moments {
  event_moments first;              ///< events, rows, columns
  std::uint64_t row_row = 0;        ///< sum of row * row
  std::uint64_t row_column = 0;     ///< sum of row * column
  std::uint64_t column_column = 0;  ///< sum of column * column
  friend bool operator==(const event_second_moments&, const event_second_moments&) = default;
};

/// The largest number of events whose sums of second order stay below 2^64 wherever they lie: (2^64 - 1) / (side - 1)^2 with
/// the longer side; 5 * 10^13 on 576 x 576 pixels, 4 * 10^9 on 65536 x 65536.
[[nodiscard]] std::uint64_t most_second_order_events(frame_shape shape);

/// Adds the events of another frame of that shape. @throws invalid_argument when the sums could leave 64 bits.
void add_moments(event_second_moments& sums, const event_second_moments& frame, frame_shape shape);

/// A symmetric matrix over (row, column).
struct place_covariance {
  double row_row = 0;        ///< variance of rows, pixels^2
  double row_column = 0;     ///< covariance of rows and columns, pixels^2
  double column_column = 0;  ///< variance of columns, pixels^2
};

/// Covariance of the place of one event, from the sample: sum((r - mean r)(c - mean c)) / (n - 1), the numerator in integers
/// and so without cancellation. NaN below two events.
[[nodiscard]] place_covariance covariance_of(const event_second_moments& moments);

/// Covariance of the centre of mass of n events that fell independently: covariance_of() / n. NaN below two events.
[[nodiscard]] place_covariance centre_covariance(const event_second_moments& moments);

/// Rows [row, row + height) and columns [column, column + width) of a frame.
struct detector_window {
  std::uint32_t row = 0;     ///< first row
  std::uint32_t column = 0;  ///< first column
  frame_shape shape{};       ///< height and width
};

/// The reductions of one backend. `load` names the events that the stages then work on, so that a device copies them once.
/// Integer results are exact and the same on every backend and for any number of threads. Holds scratch memory: use from one
/// thread at a time. A stage throws invalid_argument when an output or a map has not the size its comment gives.
class event_reducer {
 public:
  event_reducer() = default;
  event_reducer(const event_reducer&) = delete;
  event_reducer& operator=(const event_reducer&) = delete;
  virtual ~event_reducer() = default;

  /// The events stay where they are until the next load. @throws invalid_argument as validate(events) does.
  void load(const event_view& events);

  /// From now on each map (masks, weights, rings) that a stage is given stays as it is and where it is as long as the reducer
  /// lives, so that a device fetches it once.
  void keep_maps() { do_keep_maps(); }

  /// Events per frame. out[frame]
  void counts(std::span<std::uint32_t> out);
  /// Adds the events of all frames to image[pixel].
  void add_sum(std::span<std::uint64_t> image);
  /// Raises image[pixel] to the most events that any one frame has there.
  void raise_maximum(std::span<std::uint32_t> image);
  /// Events in each detector. out[detector * frames + frame]
  void virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out);
  /// Sum of the events' weights in units of weights.unit. out[frame]
  void weighted_counts(const weight_image& weights, std::span<std::int64_t> out);
  /// out[frame]
  void moments(std::span<event_moments> out);
  /// Sums up to second order. out[frame] @throws invalid_argument when a frame has more events than
  /// most_second_order_events().
  void second_moments(std::span<event_second_moments> out);
  /// The same over the events in the one detector of `within` (an aperture). out[frame]
  void second_moments(const detector_masks& within, std::span<event_second_moments> out);
  /// Events per ring. out[frame * rings + ring]
  void radial_counts(const ring_map& rings, std::span<std::uint32_t> out);
  /// Events on a grid of ceil(height / factor) x ceil(width / factor): pixel (r, c) becomes (r / factor, c / factor).
  /// Replaces indptr and indices of `out`, whose other fields are left alone.
  void bin(std::uint32_t factor, event_batch& out);
  /// Events inside the window, indexed from its corner. Replaces indptr and indices of `out`, whose other fields are left
  /// alone.
  void crop(const detector_window& window, event_batch& out);

 protected:
  /// What was loaded: valid, and of the shape that maps were made for.
  [[nodiscard]] const event_view& events() const { return events_; }
  /// For a backend that made the events itself and holds them already: names them without checking or loading them.
  void take(const event_view& events) { events_ = events; }

 private:
  // What a backend writes. Arguments are already checked; outputs have unspecified contents.
  virtual void do_validate(const event_view& events) { validate(events); }
  virtual void do_load() {}
  virtual void do_keep_maps() {}
  virtual void do_counts(std::span<std::uint32_t> out) = 0;
  virtual void do_add_sum(std::span<std::uint64_t> image) = 0;
  virtual void do_raise_maximum(std::span<std::uint32_t> image) = 0;
  virtual void do_virtual_counts(const detector_masks& masks, std::span<std::uint32_t> out) = 0;
  virtual void do_weighted_counts(const weight_image& weights, std::span<std::int64_t> out) = 0;
  virtual void do_moments(std::span<event_moments> out) = 0;
  virtual void do_second_moments(const detector_masks* within, std::span<event_second_moments> out) = 0;  // null: everywhere
  virtual void do_radial_counts(const ring_map& rings, std::span<std::uint32_t> out) = 0;
  virtual void do_bin(std::uint32_t factor, event_batch& out) = 0;
  virtual void do_crop(const detector_window& window, event_batch& out) = 0;

  void second_moments(const detector_masks* within, std::span<event_second_moments> out);

  event_view events_;
};

/// Shape of the grid that bin() makes.
[[nodiscard]] constexpr frame_shape binned(frame_shape shape, std::uint32_t factor) {
  return {shape.height / factor + (shape.height % factor != 0), shape.width / factor + (shape.width % factor != 0)};
}

namespace reference {
/// The oracle: scalar, obviously right.
[[nodiscard]] std::unique_ptr<event_reducer> make_reducer();
}  // namespace reference

namespace cpu {
/// SIMD and threads; `threads` 0: all cores.
[[nodiscard]] std::unique_ptr<event_reducer> make_reducer(unsigned threads = 0);
}  // namespace cpu

namespace cuda {
/// @throws not_compiled in a build without CUDA, cuda_error where no device answers.
[[nodiscard]] std::unique_ptr<event_reducer> make_reducer();
}  // namespace cuda

/// A reducer of the backend; `which` must not be automatic.
[[nodiscard]] std::unique_ptr<event_reducer> make_reducer(backend which, unsigned threads = 0);

}  // namespace countem
