#include "host/engine/centre_sums.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace countem::engine {

namespace {

constexpr std::array<double weighted_moments::*, 6> members{&weighted_moments::weight,     &weighted_moments::row,
                                                            &weighted_moments::column,     &weighted_moments::row_row,
                                                            &weighted_moments::row_column, &weighted_moments::column_column};
constexpr std::size_t weight_alone = 1;
constexpr std::size_t first_order = 3;

/// A detector that has every pixel.
virtual_detector everything() {
  virtual_detector all;
  all.name = "all pixels";
  return all;
}

/// What each of the sums takes of an event at (row, column) relative to the origin.
std::array<double, members.size()> terms(double row, double column) {
  return {1, row, column, row * row, row * column, column * column};
}

}  // namespace

centre_sums::centre_sums(const reduction_plan& plan, frame_shape shape, detector_point centre, const scan_shape& scan,
                         reduction_result& result)
    : shape_(shape), frames_per_position_(scan.frames_per_position), second_(plan.second_moments || plan.errors) {
  const std::uint64_t positions = scan.positions();
  if (plan.com_within && !plan.com_within->weights.empty()) {
    make_weighted(*plan.com_within, plan);
    result.weighted.resize(positions);
    result.weighted_squares.resize(positions);
    result.weighted_origin = pixel_near_middle(shape);
    return;
  }
  result.moments.resize(positions);
  if (second_) result.second_moments.resize(positions);
  if (!plan.com_within && plan.excluded.empty()) return;
  const virtual_detector one = plan.com_within ? plan.com_within->detector : everything();
  aperture_ = make_masks({&one, 1}, shape, centre, plan.excluded);
}

void centre_sums::make_weighted(const event_aperture& aperture, const reduction_plan& plan) {
  std::vector<double> weights(aperture.weights.begin(), aperture.weights.end());
  for (std::size_t p = 0; p < std::min(weights.size(), plan.excluded.size()); ++p) {
    if (plan.excluded[p] != 0) weights[p] = 0;
  }
  weighted_ = places(weights, plan.second_moments ? members.size() : first_order);
  for (double& weight : weights) weight *= weight;
  weighted_squares_ = places(weights, plan.errors ? members.size() : weight_alone);
}

std::vector<weight_image> centre_sums::places(const std::vector<double>& weights, std::size_t number) const {
  const detector_point origin = pixel_near_middle(shape_);
  std::vector<weight_image> images;
  std::vector<double> product(weights.size());
  for (std::size_t m = 0; m < number; ++m) {
    for (std::size_t p = 0; p < weights.size(); ++p) {
      product[p] = weights[p] * terms(static_cast<double>(p / shape_.width) - origin.row,
                                      static_cast<double>(p % shape_.width) - origin.column)[m];
    }
    images.push_back(make_weights(product, shape_));
  }
  return images;
}

void centre_sums::reduce(event_reducer& reducer, std::size_t frames, frame_centres& of_frames) const {
  if (!weighted_.empty()) {
    weighted_counts(reducer, frames, weighted_, of_frames.weighted);
    weighted_counts(reducer, frames, weighted_squares_, of_frames.weighted_squares);
  } else if (second_ || aperture_) {
    of_frames.second_moments.resize(frames);
    if (aperture_) {
      reducer.second_moments(*aperture_, of_frames.second_moments);
    } else {
      reducer.second_moments(of_frames.second_moments);
    }
  } else {
    of_frames.moments.resize(frames);
    reducer.moments(of_frames.moments);
  }
}

void centre_sums::add(const frame_centres& of_frames, std::uint64_t first_frame, reduction_result& result) const {
  add_weighted(of_frames.weighted, first_frame, weighted_, result.weighted);
  add_weighted(of_frames.weighted_squares, first_frame, weighted_squares_, result.weighted_squares);
  for (std::size_t f = 0; f < of_frames.second_moments.size(); ++f) {
    const std::uint64_t position = (first_frame + f) / frames_per_position_;
    result.moments[position] += of_frames.second_moments[f].first;
    if (second_) add_moments(result.second_moments[position], of_frames.second_moments[f], shape_);
  }
  for (std::size_t f = 0; f < of_frames.moments.size(); ++f)
    result.moments[(first_frame + f) / frames_per_position_] += of_frames.moments[f];
}

void centre_sums::add_weighted(std::span<const std::int64_t> of_frames, std::uint64_t first_frame,
                               const std::vector<weight_image>& images, std::vector<weighted_moments>& sums) const {
  if (images.empty()) return;
  const std::size_t frames = of_frames.size() / images.size();
  for (std::size_t m = 0; m < images.size(); ++m) {
    for (std::size_t f = 0; f < frames; ++f) {
      sums[(first_frame + f) / frames_per_position_].*members[m] +=
          static_cast<double>(of_frames[m * frames + f]) * images[m].unit;
    }
  }
}

}  // namespace countem::engine
