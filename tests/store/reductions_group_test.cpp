// Attributes of saved images: written with a file of images, and replaced when a store is finished whose images were announced.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <filesystem>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/saved_image.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

struct found_attributes {
  double angle = 0;
  std::string hand;
  std::string meaning;
};

found_attributes attributes_of(const std::filesystem::path& path) {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file");
  const io::hdf5_handle image(H5Dopen2(file, "reductions/turned", H5P_DEFAULT), "image");
  return {io::read_number_attribute<double>(image, "angle"), io::read_text_attribute(image, "hand"),
          io::read_text_attribute(image, "meaning")};
}

std::vector<saved_image> images_with(double angle, std::string hand) {
  return {{"turned", {2}, std::vector<double>{1, 2}, "degrees", "by " + hand, {{"angle", angle}, {"hand", std::move(hand)}}}};
}

TEST(saved_image_attributes, are_in_a_file_of_images) {
  const test::temporary_directory directory;
  save_images(directory / "images.h5", images_with(-12.5, "left"), {});
  const found_attributes found = attributes_of(directory / "images.h5");
  EXPECT_EQ(found.angle, -12.5);
  EXPECT_EQ(found.hand, "left");
}

TEST(saved_image_attributes, are_those_of_the_end_in_a_store_that_announced_others) {
  const test::temporary_directory directory;
  const store_description description = test::description_of({4, 5}, {1, 2, 1});
  const auto writer = create_event_store(directory / "store.h5", description, {}, {}, images_with(0, "unknown"));
  test::put(*writer, test::random_batch(0, 2, description, 7));
  writer->finish(images_with(31.25, "the right one"));
  const found_attributes found = attributes_of(directory / "store.h5");
  EXPECT_EQ(found.angle, 31.25);
  EXPECT_EQ(found.hand, "the right one");
  EXPECT_EQ(found.meaning, "by the right one");
  EXPECT_TRUE(verify_event_store(directory / "store.h5").empty());
}

}  // namespace
}  // namespace countem
