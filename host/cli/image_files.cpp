#include "host/cli/image_files.hpp"

#include <fmt/core.h>

#include <countem/large_output.hpp>
#include <countem/scan_pictures.hpp>
#include <countem/stop.hpp>

#include "io/files/output_file.hpp"

namespace countem::cli {

void image_folders::add_to(CLI::App& command) {
  command.add_option("--png", pictures_, "Directory for a picture of each image");
  command.add_flag("--png-plain", plain_pictures_, "Pictures of the pixels alone, without title, axes and colour bar")
      ->needs("--png");
  command.add_option("--npy", arrays_, "Directory for a .npy file of each image");
}

void image_folders::make() const {
  io::make_folder(arrays_);
  io::make_folder(pictures_);
}

void image_folders::check(const std::filesystem::path& output, std::span<const saved_image> images,
                          const output_rules& rules) const {
  std::uint64_t bytes = 0;
  for (const saved_image& image : images) {
    if (!arrays_.empty()) check_output(array_of(output, image), npy_output, rules);
    if (!pictures_.empty()) check_output(picture_of(output, image), png_output, rules);
    bytes += image.bytes();
  }
  if (!arrays_.empty()) expect_output(arrays_ / "*.npy", fmt::format("{} arrays", images.size()), bytes);
}

void image_folders::expect(const std::filesystem::path& output, const saved_image& image, size_is known) const {
  if (!arrays_.empty()) expect_output(array_of(output, image), size_words(image), image.bytes(), known);
}

void image_folders::write(const std::filesystem::path& output, std::span<const saved_image> images, const output_rules& rules,
                          context& ctx) const {
  for (const saved_image& image : images) {
    check_stop();
    if (!arrays_.empty()) {
      save_npy(array_of(output, image), image, rules);
      ctx.wrote(array_of(output, image));
    }
    if (!pictures_.empty() && image.extent.size() == 2) {
      draw_image(picture_of(output, image), image, plain_pictures_ ? picture_style::plain : picture_style::figure, rules);
      ctx.wrote(picture_of(output, image));
    }
  }
}

std::filesystem::path image_folders::array_of(const std::filesystem::path& output, const saved_image& image) const {
  return arrays_ / (output.stem().string() + "_" + image.name + ".npy");
}

std::filesystem::path image_folders::picture_of(const std::filesystem::path& output, const saved_image& image) const {
  return pictures_ / (output.stem().string() + "_" + picture_name(image) + ".png");
}

nlohmann::ordered_json images_json(std::span<const saved_image> images) {
  auto list = nlohmann::ordered_json::array();
  for (const saved_image& image : images) {
    nlohmann::ordered_json attributes = nlohmann::ordered_json::object();
    for (const auto& [name, value] : attributes_of(image))
      std::visit([&attributes, &key = name](const auto& one) { attributes[key] = one; }, value);
    list.push_back({{"name", image.name},
                    {"extent", image.extent},
                    {"units", image.units},
                    {"meaning", image.meaning},
                    {"attributes", attributes}});
  }
  return list;
}

}  // namespace countem::cli
