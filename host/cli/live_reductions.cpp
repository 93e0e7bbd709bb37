#include "host/cli/live_reductions.hpp"

#include <algorithm>
#include <utility>

#include <countem/bright_disk.hpp>
#include <countem/error.hpp>
#include <countem/store_reduction.hpp>

#include "host/cli/pictures.hpp"

namespace countem::cli {

namespace {

constexpr std::chrono::seconds between_pictures{3};
constexpr std::uint64_t frames_for_the_centre = 64;

/// Words between commas; what begins like a number belongs to the word before it.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    const bool is_number = !word.empty() && std::string_view("0123456789.-+").find(word.front()) != std::string_view::npos;
    if (is_number && !words.empty()) {
      words.back().append(1, ',').append(word);
    } else {
      words.emplace_back(word);
    }
    if (comma == std::string_view::npos) return words;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

reduction_plan parse_live_plan(std::string_view text) {
  constexpr std::string_view detector = "virtual:";
  reduction_plan plan;
  plan.sum = false;
  for (const std::string& word : words_of(text)) {
    if (word == "sum") {
      plan.sum = true;
    } else if (word == "max") {
      plan.maximum = true;
    } else if (word == "com") {
      plan.centre_of_mass = true;
    } else if (word == "radial") {
      plan.radial = true;
    } else if (word.starts_with(detector)) {
      plan.detectors.push_back(parse_detector(word.substr(detector.size())));
    } else {
      throw invalid_argument("--live '" + word + "' is none of sum, max, com, radial, virtual:disk:R, virtual:annulus:R1,R2");
    }
  }
  return plan;
}

detector_point sampled_centre(const frame_source& source, const counting_setup& setup) {
  const frame_shape grid = event_grid(setup);
  const std::uint64_t total = source.info().scan.frames();
  const std::uint64_t sampled = std::min(total, frames_for_the_centre);
  const auto counting = cpu::make_counter(setup);
  const auto reducer = cpu::make_reducer(1);
  std::vector<std::uint64_t> sum(grid.pixels());
  frame_batch raw;
  event_batch events;
  for (std::uint64_t i = 0; i < sampled; ++i) {
    source.read(i * total / sampled, 1, raw);
    counting->count(raw.frames, events);
    reducer->load(view_of(events, grid));
    reducer->add_sum(sum);
  }
  return find_bright_disk(sum, grid).centre;
}

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
    draw_image(directory_ / (stem_ + "_live_" + image.name + ".png"), image);
}

}  // namespace countem::cli
