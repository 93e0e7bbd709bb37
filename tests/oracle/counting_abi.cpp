// The counters behind a C interface, so that the Python oracles can run thousands of small random cases without a file for
// each. For tests only; abi.py holds the other side of every structure here.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <countem/counting.hpp>
#include <countem/error.hpp>

#include "tests/oracle/outcome.hpp"

namespace {

using namespace countem;
using countem::oracle::outcome;

/// Null pointers stand for "the same for every pixel".
struct setup_abi {
  std::uint32_t height;
  std::uint32_t width;
  const std::int32_t* dark16;
  const float* gain;
  const std::uint8_t* mask;
  const std::int32_t* pixel_background16;
  std::int32_t background16;
  std::int32_t xray16;
  std::int64_t score16;  ///< method peaks
  std::uint32_t min_cluster_size;
  std::uint32_t max_cluster_size;
  std::uint32_t upsample;
  std::uint8_t type;
  std::uint8_t method;
  std::uint8_t row_noise;
  std::uint8_t background;
  std::uint8_t values;
};

struct frames_abi {
  const std::byte* pixels;      ///< contiguous, frame after frame
  const std::uint8_t* present;  ///< sectors that arrived, per frame
  std::uint64_t count;
  std::uint8_t split;
  std::uint8_t banded;  ///< hand the frames over as four bands, a missing sector's band null
};

template <class Value>
std::vector<Value> per_pixel(const Value* values, std::uint64_t pixels) {
  return values == nullptr ? std::vector<Value>{} : std::vector<Value>(values, values + pixels);
}

counting_setup setup_from(const setup_abi& given) {
  counting_setup setup;
  setup.shape = {given.height, given.width};
  setup.type = static_cast<pixel_type>(given.type);
  const std::uint64_t pixels = setup.shape.pixels();
  calibration& calibrated = setup.calibrated;
  calibrated.shape = setup.shape;
  calibrated.dark16 = per_pixel(given.dark16, pixels);
  calibrated.gain = per_pixel(given.gain, pixels);
  calibrated.mask = per_pixel(given.mask, pixels);
  calibrated.pixel_background16 = per_pixel(given.pixel_background16, pixels);
  calibrated.background16 = given.background16;
  calibrated.xray16 = given.xray16;
  setup.options.method = static_cast<counting_method>(given.method);
  if (setup.options.method == counting_method::peaks) calibrated.score16 = given.score16;
  setup.options.row_noise = static_cast<row_noise_method>(given.row_noise);
  setup.options.background = static_cast<background_method>(given.background);
  setup.options.values = static_cast<event_value>(given.values);
  setup.options.min_cluster_size = given.min_cluster_size;
  setup.options.max_cluster_size = given.max_cluster_size;
  setup.options.upsample = given.upsample;
  return setup;
}

frame_view frame_from(const frames_abi& given, const counting_setup& setup, std::uint64_t index) {
  const std::size_t bytes = setup.shape.pixels() * size_of(setup.type);
  frame_view frame = contiguous_frame(setup.shape, setup.type, given.pixels + index * bytes);
  frame.split = static_cast<sector_split>(given.split);
  frame.present = given.present[index];
  if (given.banded != 0) {
    frame.band_count = sectors_per_frame;
    for (std::uint32_t band = 0; band < sectors_per_frame; ++band) {
      const bool whole_band_missing = frame.split == sector_split::rows && ((frame.present >> band) & 1U) == 0;
      frame.bands[band] = whole_band_missing ? nullptr : given.pixels + index * bytes + band * (bytes / sectors_per_frame);
    }
  }
  return frame;
}

std::unique_ptr<counter> make_counter(backend which, const counting_setup& setup) {
  switch (which) {
    case backend::reference: return reference::make_counter(setup);
    case backend::cpu: return cpu::make_counter(setup);
    case backend::cuda: return cuda::make_counter(setup);
    case backend::automatic: break;
  }
  throw invalid_argument("name a backend");
}

/// The number of the value with that word if the table is the one that is asked for; -1 otherwise.
template <class Value>
int number_in(std::string_view table, std::string_view word) {
  const std::optional<Value> value = table == choice_table<Value>::what ? find_choice<Value>(word) : std::nullopt;
  return value ? static_cast<int>(*value) : -1;
}

}  // namespace

extern "C" {

/// The enumerator that a word stands for in the table of that name; -1 when there is none.
int countem_test_choice(const char* table, const char* word) {
  return std::max({number_in<backend>(table, word), number_in<pixel_type>(table, word), number_in<counting_method>(table, word),
                   number_in<row_noise_method>(table, word), number_in<background_method>(table, word),
                   number_in<event_value>(table, word)});
}

/// Never null; `countem_test_error` reports whether it worked.
outcome* countem_test_count(std::uint8_t which, const setup_abi* given_setup, const frames_abi* given_frames) {
  return oracle::attempt([&](event_batch& batch) {
    const counting_setup setup = setup_from(*given_setup);
    std::vector<frame_view> frames;
    for (std::uint64_t index = 0; index < given_frames->count; ++index)
      frames.push_back(frame_from(*given_frames, setup, index));
    make_counter(static_cast<backend>(which), setup)->count(frames, batch);
  });
}

void countem_test_free(outcome* result) {
  delete result;
}
const char* countem_test_error(const outcome* result) {
  return result->error.c_str();
}
std::uint8_t countem_test_unavailable(const outcome* result) {
  return result->unavailable ? 1 : 0;
}
std::uint64_t countem_test_frames(const outcome* result) {
  return result->batch.frames();
}
std::uint64_t countem_test_values(const outcome* result) {
  return result->batch.values.size();
}
const std::uint64_t* countem_test_indptr(const outcome* result) {
  return result->batch.indptr.data();
}
const std::uint32_t* countem_test_indices(const outcome* result) {
  return result->batch.indices.data();
}
const std::uint32_t* countem_test_values_data(const outcome* result) {
  return result->batch.values.data();
}
const std::uint32_t* countem_test_xrays(const outcome* result) {
  return result->batch.xrays.data();
}
const std::uint8_t* countem_test_status(const outcome* result) {
  return result->batch.status.data();
}

}  // extern "C"
