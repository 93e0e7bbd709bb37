#include "host/engine/profile_images.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

namespace countem::engine {

namespace {

class profile_stream final : public image_stream {
 public:
  profile_stream(profile_source source, profile_facts facts) : source_(std::move(source)), facts_(std::move(facts)) {}

  void make(const taker& take) const override {
    std::uint64_t position = 0;
    std::vector<double> values;
    std::vector<double> errors;
    std::vector<double> shares;
    source_([&](std::span<const std::uint64_t> electrons) {
      values.assign(electrons.begin(), electrons.end());
      if (facts_.errors) errors.resize(values.size());
      for (std::size_t i = 0; i < errors.size(); ++i) errors[i] = std::sqrt(values[i]);
      share_out(position, values.size(), shares);
      use(shares, values);
      use(shares, errors);
      take(profile_electrons, values);
      if (!errors.empty()) take(profile_errors, errors);
      if (!shares.empty()) take(profile_completeness, shares);
      position += electrons.size() / std::max(1U, facts_.rings);
    });
  }

 private:
  /// What arrived of each value of the positions from `first` on.
  void share_out(std::uint64_t first, std::size_t values, std::vector<double>& shares) const {
    if (facts_.lost.empty()) return;
    shares.clear();
    for (std::size_t i = 0; i < values; ++i) {
      const sector_losses& lost = facts_.lost[first + i / facts_.rings];
      shares.push_back(
          arrived_share(facts_.weights[i % facts_.rings], {lost[0], lost[1], lost[2], lost[3]}, facts_.frames_per_position));
    }
  }

  void use(const std::vector<double>& shares, std::vector<double>& values) const {
    for (std::size_t i = 0; i < std::min(values.size(), shares.size()); ++i)
      values[i] = with_share(values[i], shares[i], facts_.incomplete);
  }

  profile_source source_;
  profile_facts facts_;
};

}  // namespace

double with_share(double value, double share, incomplete_frames incomplete) {
  if (share == 0) return std::numeric_limits<double>::quiet_NaN();
  return incomplete == incomplete_frames::scale ? value / share : value;
}

std::shared_ptr<const image_stream> stream_profiles(profile_source source, profile_facts facts) {
  return std::make_shared<profile_stream>(std::move(source), std::move(facts));
}

std::array<std::vector<double>, 3> held_values(const image_stream& stream) {
  std::array<std::vector<double>, 3> all;
  stream.make([&all](std::size_t number, std::span<const double> values) {
    all.at(number).insert(all.at(number).end(), values.begin(), values.end());
  });
  return all;
}

profile_source held_profiles(const reduction_result& result) {
  return [&result](const profile_taker& take) {
    constexpr std::size_t values_at_a_time = std::size_t{1} << 18U;
    const std::size_t rings = std::max(1U, result.rings);
    const std::size_t step = std::max<std::size_t>(1, values_at_a_time / rings) * rings;
    const std::span<const std::uint64_t> all = result.radial;
    for (std::size_t first = 0; first < all.size(); first += step) take(all.subspan(first, std::min(step, all.size() - first)));
  };
}

}  // namespace countem::engine
