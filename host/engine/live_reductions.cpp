#include <countem/live_reductions.hpp>

#include <utility>

#include <countem/result_images.hpp>
#include <countem/scan_pictures.hpp>

namespace countem {

namespace {

constexpr std::chrono::seconds between_pictures{3};

}  // namespace

live_reductions::live_reductions(const reduction_plan& plan, frame_shape grid, scan_shape scan, backend where, unsigned threads,
                                 std::filesystem::path directory, std::string stem, output_rules rules)
    : grid_(grid),
      scan_(scan),
      directory_(std::move(directory)),
      stem_(std::move(stem)),
      rules_(std::move(rules)),
      reducer_(plan, grid, scan, where == backend::cuda ? backend::cpu : where, threads) {
  rules_.durable = false;  // a picture is drawn again in seconds, and the store must not wait for it
}

std::vector<saved_image> live_reductions::images(const reduction_result& result) const {
  return images_of(result, reducer_.plan(), grid_, scan_);
}

std::vector<saved_image> live_reductions::previews() const {
  return images_of(reducer_.snapshot(), reducer_.plan(), grid_, scan_, image_detail::preview);
}

std::vector<saved_image> live_reductions::announced() {
  return images(reducer_.snapshot());
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
  for (const saved_image& image : previews())
    draw_image(directory_ / (stem_ + "_live_" + picture_name(image) + ".png"), image, picture_style::figure, rules_);
}

}  // namespace countem
