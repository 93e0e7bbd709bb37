// The frame loop of the cpu backend: hits as a bit mask, then components on the hits only.
#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

#include <countem/counting.hpp>

#include "kernels/cpu/component_fill.hpp"
#include "kernels/cpu/hit_bits.hpp"
#include "kernels/cpu/hit_limits.hpp"
#include "kernels/cpu/pixel_charge.hpp"
#include "kernels/cpu/row_noise.hpp"
#include "kernels/cpu/threshold.hpp"

namespace countem::cpu {

namespace {

template <class Pixel>
const Pixel* row_of(const frame_view& frame, std::uint32_t y) {
  return reinterpret_cast<const Pixel*>(frame.row(y));
}

template <class Pixel>
class frame_counter final : public counter {
 public:
  explicit frame_counter(const counting_setup& setup)
      : setup_(setup), charge_(setup_.calibrated), limits_(find_hit_limits<Pixel>(setup_)), hits_(setup.shape) {
    if (row_noise()) {
      charges_.resize(setup.shape.width);
      quiet_.reserve(setup.shape.width);
      noise_.resize(std::size_t{setup.shape.height} * 2);
    }
  }

  void count(std::span<const frame_view> frames, event_batch& out) override {
    out.clear();
    for (const frame_view& frame : frames) {
      events_.clear();
      const std::uint32_t xrays = frame.present == 0 ? 0 : count_frame(frame);
      append(out);
      out.indptr.push_back(out.indices.size());
      out.xrays.push_back(xrays);
      out.status.push_back(static_cast<std::uint8_t>(
          (frame.present & status_sectors) | (frame.truncated ? status_truncated : 0) | (xrays != 0 ? status_xray : 0)));
    }
  }

 private:
  [[nodiscard]] bool row_noise() const { return setup_.options.row_noise != row_noise_method::none; }
  [[nodiscard]] std::size_t pixel_index(std::uint32_t y, std::uint32_t x) const {
    return std::size_t{y} * setup_.shape.width + x;
  }
  [[nodiscard]] std::int32_t background16(std::size_t pixel) const {
    const calibration& used = setup_.calibrated;
    return used.pixel_background16.empty() ? used.background16 : used.pixel_background16[pixel];
  }

  std::uint32_t count_frame(const frame_view& frame) {
    for (std::uint32_t y = 0; y < setup_.shape.height; ++y) {
      if (frame.row(y) == nullptr) {
        std::fill_n(hits_.row(y), hits_.words_per_row(), std::uint64_t{0});
      } else if (row_noise()) {
        find_hits_above_noise(frame, y);
      } else {
        find_row_hits(frame, y);
      }
    }
    switch (setup_.options.method) {
      case counting_method::cluster: return count_clusters(frame);
      case counting_method::maximum: return count_maxima(frame);
      case counting_method::pixels: return count_pixels(frame);
    }
    return 0;
  }

  void find_row_hits(const frame_view& frame, std::uint32_t y) {
    threshold_block<Pixel> block;
    block.raw = row_of<Pixel>(frame, y);
    block.limits = limits_.per_pixel.empty() ? nullptr : limits_.per_pixel.data() + pixel_index(y, 0);
    block.everywhere = limits_.everywhere;
    block.width = setup_.shape.width;
    block.rows = 1;
    std::uint64_t* words = hits_.row(y);
    find_hits(block, words);
    if (!limits_.always.empty()) {
      for (std::size_t w = 0; w < hits_.words_per_row(); ++w) words[w] |= limits_.always.row(y)[w];
    }
    clear_missing(frame, y);
  }

  void clear_missing(const frame_view& frame, std::uint32_t y) {
    if (frame.present == all_sectors || frame.split == sector_split::none) return;
    std::uint64_t* words = hits_.row(y);
    for (std::uint32_t x = 0; x < setup_.shape.width; ++x) {
      if (!frame.arrived(y, x)) words[x / hit_bits::bits_per_word] &= ~(std::uint64_t{1} << (x % hit_bits::bits_per_word));
    }
  }

  [[nodiscard]] bool has_charge(const frame_view& frame, std::uint32_t y, std::uint32_t x) const {
    const std::size_t p = pixel_index(y, x);
    return can_be_hit(setup_.calibrated, p) && frame.arrived(y, x) && !is_nan(row_of<Pixel>(frame, y)[x]);
  }

  static bool is_nan(Pixel raw) { return raw != raw; }

  void find_hits_above_noise(const frame_view& frame, std::uint32_t y) {
    const std::uint32_t width = setup_.shape.width;
    const Pixel* raw = row_of<Pixel>(frame, y);
    std::uint64_t* words = hits_.row(y);
    std::fill_n(words, hits_.words_per_row(), std::uint64_t{0});
    const std::uint32_t bounds[] = {0, width / 2, width};
    for (std::uint32_t half = 0; half < 2; ++half) {
      quiet_.clear();
      for (std::uint32_t x = bounds[half]; x < bounds[half + 1]; ++x) {
        const std::size_t p = pixel_index(y, x);
        charges_[x] = has_charge(frame, y, x) ? charge_(raw[x], p) : no_charge;
        if (charges_[x] != no_charge && charges_[x] <= background16(p)) quiet_.push_back(charges_[x]);
      }
      const std::int32_t noise = row_statistic(setup_.options.row_noise, quiet_);
      noise_[std::size_t{y} * 2 + half] = noise;
      for (std::uint32_t x = bounds[half]; x < bounds[half + 1]; ++x) {
        if (charges_[x] != no_charge && without_noise(charges_[x], noise) > background16(pixel_index(y, x))) hits_.set(y, x);
      }
    }
  }

  static std::int32_t without_noise(std::int32_t charge, std::int32_t noise) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(std::int64_t{charge} - noise, -charge_limit, charge_limit));
  }

  /// Charge of a hit.
  [[nodiscard]] std::int32_t charge_at(const frame_view& frame, std::uint32_t y, std::uint32_t x) const {
    const std::int32_t charge = charge_(row_of<Pixel>(frame, y)[x], pixel_index(y, x));
    return row_noise() ? without_noise(charge, noise_[std::size_t{y} * 2 + (x >= setup_.shape.width / 2 ? 1 : 0)]) : charge;
  }

  template <class Visit>
  void for_hits(Visit visit) {
    for (std::uint32_t y = 0; y < setup_.shape.height; ++y) {
      for (std::uint32_t w = 0; w < hits_.words_per_row(); ++w) {
        for_set_bits(hits_.row(y)[w], w * hit_bits::bits_per_word, [&](std::uint32_t x) { visit(y, x); });
      }
    }
  }

  std::uint32_t count_clusters(const frame_view& frame) {
    const counting_options& options = setup_.options;
    std::uint32_t xrays = 0;
    const auto charge_of = [&](std::uint32_t y, std::uint32_t x) { return charge_at(frame, y, x); };
    for (std::uint32_t y = 0; y < setup_.shape.height; ++y) {
      for (std::uint32_t w = 0; w < hits_.words_per_row(); ++w) {
        while (hits_.row(y)[w] != 0) {
          const std::uint32_t x = w * hit_bits::bits_per_word + static_cast<std::uint32_t>(std::countr_zero(hits_.row(y)[w]));
          const component_sums sums = fill_.take(hits_, y, x, charge_of);
          if (sums.largest >= setup_.calibrated.xray16) {
            ++xrays;
          } else if (sums.size >= options.min_cluster_size && sums.size <= options.max_cluster_size) {
            const std::uint32_t row = centroid_cell(sums.charge_rows, sums.charge, options.upsample);
            const std::uint32_t column = centroid_cell(sums.charge_columns, sums.charge, options.upsample);
            events_.push_back(
                {row * (setup_.shape.width * options.upsample) + column, kept_value(options.values, sums.charge, sums.size)});
          }
        }
      }
    }
    std::sort(events_.begin(), events_.end(),
              [](const event& a, const event& b) { return std::tie(a.index, a.value) < std::tie(b.index, b.value); });
    return xrays;
  }

  std::uint32_t count_maxima(const frame_view& frame) {
    std::uint32_t xrays = 0;
    const std::int32_t xray16 = setup_.calibrated.xray16;
    const auto kept = [&](std::uint32_t y, std::uint32_t x) {
      if (!hits_.test(y, x)) return 0;
      const std::int32_t charge = charge_at(frame, y, x);
      return charge < xray16 ? charge : 0;
    };
    for_hits([&](std::uint32_t y, std::uint32_t x) {
      const std::int32_t charge = kept(y, x);
      if (charge == 0) {
        ++xrays;
        return;
      }
      for (std::uint32_t r = y == 0 ? 0 : y - 1; r <= std::min(y + 1, setup_.shape.height - 1); ++r) {
        for (std::uint32_t c = x == 0 ? 0 : x - 1; c <= std::min(x + 1, setup_.shape.width - 1); ++c) {
          if ((r != y || c != x) && kept(r, c) >= charge) return;
        }
      }
      events_.push_back({static_cast<std::uint32_t>(pixel_index(y, x)),
                         kept_value(setup_.options.values, static_cast<std::uint64_t>(charge), 1)});
    });
    return xrays;
  }

  std::uint32_t count_pixels(const frame_view& frame) {
    std::uint32_t xrays = 0;
    for_hits([&](std::uint32_t y, std::uint32_t x) {
      const std::int32_t charge = charge_at(frame, y, x);
      if (charge >= setup_.calibrated.xray16) ++xrays;
      events_.push_back({static_cast<std::uint32_t>(pixel_index(y, x)),
                         kept_value(setup_.options.values, static_cast<std::uint64_t>(charge), 1)});
    });
    return xrays;
  }

  void append(event_batch& out) {
    const bool values = setup_.options.values != event_value::none;
    for (const event& found : events_) {
      out.indices.push_back(found.index);
      if (values) out.values.push_back(found.value);
    }
  }

  counting_setup setup_;
  pixel_charge charge_;
  hit_limits<Pixel> limits_;
  hit_bits hits_;
  component_fill fill_;
  std::vector<event> events_;
  std::vector<std::int32_t> charges_;  // of one row, where row noise is taken off
  std::vector<std::int32_t> quiet_;    // of one half-row
  std::vector<std::int32_t> noise_;    // two a row
};

}  // namespace

std::unique_ptr<counter> make_counter(const counting_setup& setup) {
  validate(setup);
  switch (setup.type) {
    case pixel_type::u8: return std::make_unique<frame_counter<std::uint8_t>>(setup);
    case pixel_type::u16: return std::make_unique<frame_counter<std::uint16_t>>(setup);
    case pixel_type::u32: return std::make_unique<frame_counter<std::uint32_t>>(setup);
    case pixel_type::f32: return std::make_unique<frame_counter<float>>(setup);
  }
  return nullptr;
}

}  // namespace countem::cpu
