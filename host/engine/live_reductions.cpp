#include <countem/live_reductions.hpp>

#include <utility>

#include <countem/scan_pictures.hpp>

#include "host/engine/profile_images.hpp"

namespace countem {

namespace {

constexpr std::chrono::seconds between_pictures{3};

}  // namespace

live_reductions::live_reductions(const reduction_plan& plan, const result_axes& axes, bool expects_losses, backend where,
                                 unsigned threads, std::filesystem::path directory, std::string stem, output_rules rules)
    : plan_(plan),
      axes_(axes),
      expects_losses_(expects_losses),
      directory_(std::move(directory)),
      stem_(std::move(stem)),
      rules_(std::move(rules)),
      reducer_(in_cells(plan, axes.geometry), axes.grid, axes.scan, where == backend::cuda ? backend::cpu : where, threads) {
  rules_.durable = false;  // a picture is drawn again in seconds, and the store must not wait for it
}

/// Always those that were announced: what is lost beyond expectation is NaN, without a map of it.
std::vector<saved_image> live_reductions::images(image_detail detail) {
  reduction_result result = reducer_.snapshot_without_profiles();
  if (expects_losses_) result.lost.resize(axes_.scan.positions());
  // The profiles may be large: they are held once, and their images made of them when they are written.
  std::vector<saved_image> made = images_of(result, plan_, axes_, detail, engine::held_profiles(reducer_.result()));
  if (!expects_losses_) std::erase_if(made, [](const saved_image& image) { return image.name.ends_with("_completeness"); });
  return made;
}

std::vector<saved_image> live_reductions::announced() {
  return images(image_detail::full);
}

void live_reductions::refresh() {
  if (directory_.empty() || std::chrono::steady_clock::now() - drawn_ < between_pictures) return;
  draw();
  drawn_ = std::chrono::steady_clock::now();
}

std::vector<saved_image> live_reductions::finish() {
  if (!directory_.empty()) draw();
  return images(image_detail::full);
}

void live_reductions::draw() {
  for (const saved_image& image : images(image_detail::preview))
    draw_image(directory_ / (stem_ + "_live_" + picture_name(image) + ".png"), image, picture_style::figure, rules_);
}

}  // namespace countem
