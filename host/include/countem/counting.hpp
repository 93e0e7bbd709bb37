#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/choices.hpp>
#include <countem/frame.hpp>
#include <countem/types.hpp>

namespace countem {

/// How the hits of a frame become events. docs/semantics.md defines each method to the bit.
enum class counting_method : std::uint8_t {
  cluster,  ///< charge-weighted centroid of each 8-connected component of hits
  maximum,  ///< pixels strictly greater than all their neighbours
  peaks,    ///< local maxima with enough charge around them
  pixels,   ///< every hit
  counts,   ///< a pixel of value v is v events: frames of a detector that counts by itself
};

/// Words and help of `counting_method`.
template <>
struct choice_table<counting_method> {
  /// What a value is called in a sentence.
  static constexpr std::string_view what = "counting method";
  /// One entry per enumerator, in their order.
  static constexpr std::array<choice<counting_method>, 5> entries{
      {{counting_method::cluster, "cluster", "centroid of each component"},
       {counting_method::maximum, "maximum", "local maxima"},
       {counting_method::peaks, "peaks", "local maxima with enough charge around them"},
       {counting_method::pixels, "pixels", "every hit"},
       {counting_method::counts, "counts", "a pixel of value v is v electrons, for detectors that count by themselves"}}};
};

/// What is subtracted from each half-row before thresholds apply (docs/semantics.md, row noise). Found from all charges of the
/// half-row, hits included, so that it depends on no threshold.
enum class row_noise_method : std::uint8_t {
  none,    ///< nothing
  mean,    ///< mean charge, those beyond `row_mean_reach` of 0 or of the middle of a sample cut to it; in 1/16 ADU
  median,  ///< median charge, in 1/16 ADU
};

/// Words and help of `row_noise_method`.
template <>
struct choice_table<row_noise_method> {
  /// What a value is called in a sentence.
  static constexpr std::string_view what = "row noise method";
  /// One entry per enumerator, in their order.
  static constexpr std::array<choice<row_noise_method>, 3> entries{
      {{row_noise_method::none, "none", "nothing is subtracted"},
       {row_noise_method::mean, "mean", "mean of the charges, those beyond 6 ADU of where most of them lie cut to it"},
       {row_noise_method::median, "median", "median of the charges"}}};
};

/// Charges that are farther than this from where row_noise_method::mean starts are taken as this far: 6 ADU, in 1/16 ADU.
inline constexpr std::int32_t row_mean_reach = 6 * charge_units_per_adu;

/// row_noise_method::mean starts from 0, where a dark reference leaves a row, and is done where the result is within this of
/// it: 2 ADU, in 1/16 ADU. Elsewhere it starts again from the half-row's own middle.
inline constexpr std::int32_t row_mean_near = 2 * charge_units_per_adu;

/// That middle is found from the first `row_sample_columns` of every `row_sample_period` columns of the half-row, and known to
/// `row_middle_step`, half an ADU in 1/16 ADU.
inline constexpr std::uint32_t row_sample_period = 80;
inline constexpr std::uint32_t row_sample_columns = 16;  ///< see `row_sample_period`
inline constexpr std::int32_t row_middle_step = 8;       ///< see `row_sample_period`

/// What is subtracted from all charges of a frame before thresholds apply (docs/semantics.md, shifted frames).
enum class background_method : std::uint8_t {
  none,   ///< nothing: the level of the frames is that of the dark reference
  frame,  ///< the frame's own shift: the median of the median charges of half-rows spread over it, in 1/16 ADU
};

/// Words and help of `background_method`.
template <>
struct choice_table<background_method> {
  /// What a value is called in a sentence.
  static constexpr std::string_view what = "background method";
  /// One entry per enumerator, in their order.
  static constexpr std::array<choice<background_method>, 2> entries{
      {{background_method::none, "none", "nothing is subtracted"},
       {background_method::frame, "frame", "the shift of each frame's noise peak"}}};
};

/// background_method::frame takes the half-rows of every so many rows, from row 0 on: those of 64 to 127 rows of a high frame.
[[nodiscard]] constexpr std::uint32_t background_row_step(std::uint32_t height) {
  return height < 128 ? 1 : height / 64;
}

/// What is kept with each event's linear index.
enum class event_value : std::uint8_t {
  none,
  charge,  ///< 1/16 ADU: sum of the component (cluster) or of 3 x 3 pixels (peaks), else the pixel's; saturates at 2^32 - 1
  size,    ///< hits in the component (cluster) or in 3 x 3 pixels (peaks); 1 for the other methods
           // method counts keeps none: the number of events at a pixel is its value
};

/// Words and help of `event_value`.
template <>
struct choice_table<event_value> {
  /// What a value is called in a sentence.
  static constexpr std::string_view what = "event value";
  /// One entry per enumerator, in their order.
  static constexpr std::array<choice<event_value>, 3> entries{{{event_value::none, "none", "nothing"},
                                                               {event_value::charge, "charge", "charge in 1/16 ADU"},
                                                               {event_value::size, "size", "pixels of the component"}}};
};

/// How hits become events. docs/semantics.md defines every field to the bit; all backends obey it.
struct counting_options {
  counting_method method = counting_method::cluster;       ///< how hits become events
  row_noise_method row_noise = row_noise_method::none;     ///< what is subtracted from each half-row
  background_method background = background_method::none;  ///< what is subtracted from each frame; not with row noise
  std::uint32_t min_cluster_size = 1;                      ///< components with fewer hits are dropped (cluster)
  std::uint32_t max_cluster_size = 0xffff'ffff;            ///< components with more hits are dropped (cluster)
  event_value values = event_value::none;                  ///< what is kept with each event
  std::uint32_t upsample = 1;                              ///< events lie on a grid this many times finer (cluster, peaks)

  friend bool operator==(const counting_options&, const counting_options&) = default;
};

/// Whether a charge of each half-row is subtracted from its charges: its own, or that of the frame.
[[nodiscard]] constexpr bool subtracts_noise(const counting_options& options) {
  return options.row_noise != row_noise_method::none || options.background != background_method::none;
}

/// Method `counts` makes as many events of a frame as its pixels add up to, four bytes each. More than this is a broken pixel
/// or another kind of frame, and is refused before memory is spent on it.
inline constexpr std::uint64_t most_counted_events = std::uint64_t{1} << 28;

/// @throws format_error when a frame has more events than method `counts` takes (most_counted_events).
void require_counted_events(std::uint64_t events_of_frame);

/// Bits of event_batch::status. Bits 0 to 3 are the present-sector mask; 0 there: the frame never arrived.
enum frame_status : std::uint8_t {
  status_sectors = all_sectors,
  status_truncated = 0x10,  ///< a record of the frame was cut short
  status_xray = 0x20,       ///< an X-ray was seen
};

/// The frame_status bits of a counted frame with that X-ray tally.
[[nodiscard]] constexpr std::uint8_t status_of(const frame_view& frame, std::uint32_t xrays) {
  return static_cast<std::uint8_t>((frame.present & status_sectors) | (frame.truncated ? status_truncated : 0) |
                                   (xrays != 0 ? status_xray : 0));
}

/// The events of consecutive frames as CSR. Within a frame sorted by linear index, ties by value; a repeated index is two
/// events.
struct event_batch {
  std::uint64_t first_frame = 0;         ///< frame number of the first frame; set by the caller
  std::vector<std::uint64_t> indptr{0};  ///< frames + 1
  std::vector<std::uint32_t> indices;    ///< row * width + column of the (upsampled) event grid
  std::vector<std::uint32_t> values;     ///< one per event, or empty when event_value::none
  /// Per frame: components rejected (cluster), peaks or pixels at or above the threshold (peaks; maximum, pixels), 0 (counts).
  std::vector<std::uint32_t> xrays;
  std::vector<std::uint8_t> status;  ///< per frame: frame_status bits

  /// Frames in the batch.
  [[nodiscard]] std::size_t frames() const { return status.size(); }
  /// Linear indices of the events of a frame, numbered within the batch from 0; not checked. Valid until the batch changes.
  [[nodiscard]] std::span<const std::uint32_t> events(std::size_t frame) const {
    return std::span(indices).subspan(indptr[frame], indptr[frame + 1] - indptr[frame]);
  }
  /// Removes all frames and keeps the memory; `first_frame` stays.
  void clear() {
    indptr.assign(1, 0);
    indices.clear();
    values.clear();
    xrays.clear();
    status.clear();
  }
};

/// Counts frames of one shape and type with one calibration. Holds scratch memory: one counter per thread; different counters
/// may run at the same time. A pure function of frames, calibration and options: same bytes on every backend and in any batch.
class counter {
 public:
  counter() = default;
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;
  virtual ~counter() = default;

  /// Replaces the contents of `out` (its capacity is reused); returns when the events are in host memory.
  /// `out.first_frame` is left to the caller.
  virtual void count(std::span<const frame_view> frames, event_batch& out) = 0;

  /// Memory in which frames are counted fastest, page-locked for a device; null where any memory will do. Frames that lie
  /// elsewhere are counted all the same.
  [[nodiscard]] virtual std::shared_ptr<countem::frame_memory> frame_memory() { return nullptr; }
};

/// What a counter is made for.
struct counting_setup {
  frame_shape shape{};                ///< of the raw frames
  pixel_type type = pixel_type::u16;  ///< of the raw pixels
  calibration calibrated;             ///< references, mask and thresholds, owned
  counting_options options;           ///< method and what belongs to it

  friend bool operator==(const counting_setup&, const counting_setup&) = default;
};

/// @throws invalid_argument when the setup contradicts itself: shapes, thresholds, an upsampled grid beyond 2^32 - 1 pixels,
/// upsampling or size limits with a method that has no components, row noise and background method together, a score threshold
/// without method peaks or the other way round, a calibration with more than a mask or an event value with method counts.
void validate(const counting_setup& setup);

/// Shape of the grid that the events' linear indices refer to.
[[nodiscard]] frame_shape event_grid(const counting_setup& setup);

/// A setup and what a backend works out of it before the first frame (limits, forms of the calibration). Immutable: any number
/// of threads share one plan, and each makes a counter of its own from it.
class counting_plan {
 public:
  /// @throws invalid_argument as validate(setup) does.
  explicit counting_plan(const counting_setup& setup);
  counting_plan(const counting_plan&) = delete;
  counting_plan& operator=(const counting_plan&) = delete;
  virtual ~counting_plan();

  /// What the plan was made for.
  [[nodiscard]] const counting_setup& setup() const { return setup_; }

  /// A counter of this plan with scratch memory of its own. It keeps the plan alive. Safe for several threads.
  /// @throws cuda_error where a device does not answer.
  [[nodiscard]] virtual std::unique_ptr<counter> make_counter() const = 0;

 private:
  counting_setup setup_;
};

namespace reference {
/// The oracle: scalar, obviously right. @throws invalid_argument as validate(setup) does.
[[nodiscard]] std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup);
/// A counter of a plan of its own.
[[nodiscard]] std::unique_ptr<counter> make_counter(const counting_setup& setup);
}  // namespace reference

namespace cpu {
/// SIMD, as fast as memory. @throws invalid_argument as validate(setup) does.
[[nodiscard]] std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup);
/// A counter of a plan of its own.
[[nodiscard]] std::unique_ptr<counter> make_counter(const counting_setup& setup);
}  // namespace cpu

namespace cuda {
/// Counters take the devices in turn, so that threads with a counter each share them evenly; countem/device_counter.hpp has
/// more to choose. @throws not_compiled in a build without CUDA, invalid_argument as validate(setup) does.
[[nodiscard]] std::shared_ptr<const counting_plan> make_plan(const counting_setup& setup);
/// A counter of a plan of its own. @throws not_compiled in a build without CUDA, cuda_error where no device answers.
[[nodiscard]] std::unique_ptr<counter> make_counter(const counting_setup& setup);
}  // namespace cuda

}  // namespace countem
