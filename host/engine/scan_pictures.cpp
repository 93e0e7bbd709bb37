#include <countem/scan_pictures.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>

#include <countem/batch_frames.hpp>
#include <countem/result_images.hpp>
#include <countem/store_reduction.hpp>
#include <countem/work.hpp>

#include "host/engine/image_figure.hpp"
#include "host/engine/picture.hpp"
#include "io/files/output_file.hpp"

namespace countem {

namespace {

/// Frames read back at a time: a few megabytes of events.
constexpr std::size_t frames_at_a_time = 1024;
/// The dark field begins where the beam's edge has faded.
constexpr double dark_field_from = 1.25;
constexpr std::array picture_names{"sum", "bright_field", "dark_field"};

void draw(const std::filesystem::path& path, const saved_image& image, std::string_view name, picture_style style,
          const output_rules& rules) {
  const auto height = static_cast<std::uint32_t>(image.extent[0]);
  const auto width = static_cast<std::uint32_t>(image.extent[1]);
  const std::vector<double> values =
      std::visit([](const auto& held) { return std::vector<double>(held.begin(), held.end()); }, image.values);
  const image_words words{name, image.units, image.meaning, image.axes};
  write_png(path,
            style == picture_style::plain ? draw_image_plain(words, values, height, width)
                                          : draw_image_figure(words, values, height, width),
            rules);
}

const saved_image& named(const std::vector<saved_image>& images, std::string_view name) {
  return *std::ranges::find(images, name, &saved_image::name);
}

/// Adds the first `frames` frames of a store.
void reduce_stored(const event_store& store, std::uint64_t frames, scan_reducer& into, unsigned threads) {
  event_batch events;
  work reading("reading", "frames", frames);
  for (std::uint64_t first = 0; first < frames; first += events.frames()) {
    const std::uint64_t some =
        batch_frames(store.counts(), first, std::min<std::uint64_t>(frames_at_a_time, frames - first), threads);
    store.read(first, static_cast<std::size_t>(some), events, threads);
    into.add(events);
    reading.advance(some);
  }
}

}  // namespace

std::string picture_name(const saved_image& image) {
  const std::size_t number = image.name.rfind('_') + 1;
  const bool is_numbered = image.name.starts_with("virtual_") || image.name.starts_with("weighted_");
  if (!is_numbered || image.name.find_first_not_of("0123456789", number) != std::string::npos) return image.name;
  std::string name = image.name + "_";
  for (const char c : image.meaning) {
    const bool safe = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
    name += safe ? c : '_';
  }
  return name;
}

void draw_image(const std::filesystem::path& path, const saved_image& image, picture_style style, const output_rules& rules) {
  if (image.extent.size() == 2) draw(path, image, image.name, style, rules);
}

scan_pictures::scan_pictures(frame_shape grid, scan_shape scan, unsigned threads)
    : grid_(grid), scan_(scan), threads_(threads), sum_(reduction_plan{}, grid, scan, backend::cpu, threads) {}

void scan_pictures::add(const event_batch& events) {
  sum_.add(events);
}

std::vector<std::filesystem::path> scan_pictures::names(const std::filesystem::path& store, std::filesystem::path directory) {
  if (directory.empty()) directory = store.parent_path();
  std::vector<std::filesystem::path> pictures;
  for (const char* what : picture_names) pictures.push_back(directory / fmt::format("{}_{}.png", store.stem().string(), what));
  return pictures;
}

std::vector<std::filesystem::path> scan_pictures::write(const std::filesystem::path& store,
                                                        const std::filesystem::path& directory, std::uint64_t first_added,
                                                        picture_style style, const output_rules& rules) {
  std::vector<std::filesystem::path> drawn = names(store, directory);
  io::make_folder(directory);

  const auto counted = open_event_store(store);
  reduce_stored(*counted, first_added, sum_, threads_);
  const store_description& described = counted->description();
  reduction_plan plan;
  const std::vector<saved_image> summed = images_of(sum_.result(), plan, {grid_, scan_, described.geometry});
  draw(drawn.front(), named(summed, "sum"), picture_names[0], style, rules);

  reading_options reading;
  reading.threads = threads_;
  beam_ = beam_of(*counted, sum_.result(), reading);
  plan.sum = false;
  plan.centre = beam_.centre;
  const double beyond_every_corner = (grid_.height + grid_.width) * described.geometry.row.step;
  plan.detectors = {parse_detector(fmt::format("disk:{}", beam_.radius)),
                    parse_detector(fmt::format("annulus:{},{}", dark_field_from * beam_.radius, beyond_every_corner))};
  const std::vector<saved_image> images = reduce_store(*counted, plan, whole(described), backend::cpu, reading).images();
  for (std::size_t i = 0; i < plan.detectors.size(); ++i)
    draw(drawn[i + 1], named(images, "virtual_" + std::to_string(i)), picture_names[i + 1], style, rules);
  return drawn;
}

}  // namespace countem
