#include <countem/live_reductions.hpp>

#include <utility>

#include <countem/result_images.hpp>
#include <countem/scan_pictures.hpp>

namespace countem {

namespace {

constexpr std::chrono::seconds between_pictures{3};

}  // namespace

live_reductions::live_reductions(const reduction_plan& plan, frame_shape grid, scan_shape scan, backend where, unsigned threads,
                                 std::filesystem::path directory, std::string stem)
    : grid_(grid),
      scan_(scan),
      directory_(std::move(directory)),
      stem_(std::move(stem)),
      reducer_(plan, grid, scan, where == backend::cuda ? backend::cpu : where, threads) {}

std::vector<saved_image> live_reductions::images(const reduction_result& result) const {
  return images_of(result, reducer_.plan(), grid_, scan_);
}

void live_reductions::refresh() {
  if (directory_.empty() || std::chrono::steady_clock::now() - drawn_ < between_pictures) return;
  draw();
  drawn_ = std::chrono::steady_clock::now();
}

std::vector<saved_image> live_reductions::finish() {
  if (!directory_.empty()) draw();
  return images(reducer_.result());
}

void live_reductions::draw() const {
  for (const saved_image& image : images(reducer_.snapshot()))
    draw_image(directory_ / (stem_ + "_live_" + picture_name(image) + ".png"), image);
}

}  // namespace countem
