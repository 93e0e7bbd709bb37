// Profiles of rings that are not held but read again when their images are written: the same numbers to the bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <countem/communicator.hpp>
#include <countem/error.hpp>
#include <countem/ranks.hpp>
#include <countem/saved_image.hpp>
#include <countem/scan_reducer.hpp>
#include <countem/store_reduction.hpp>

#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "tests/analysis/memory_store.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

constexpr frame_shape grid{24, 20};
constexpr scan_shape scan{5, 7, 2};

/// A beam of radius 6 around (11, 9), and single electrons; some frames lack a sector, some all.
std::unique_ptr<memory_store> sample(bool with_losses, const scan_shape& positions = scan) {
  std::mt19937 random(3);
  event_batch batch;
  batch.indptr = {0};
  for (std::uint64_t frame = 0; frame < positions.frames(); ++frame) {
    const std::uint8_t status = !with_losses ? all_sectors : frame % 11 == 10 ? 0 : frame % 5 == 4 ? 0x0d : all_sectors;
    std::vector<std::uint32_t> events;
    for (int i = 0; status != 0 && i < 60; ++i) {
      const auto row = static_cast<std::uint32_t>(random() % grid.height);
      const auto column = static_cast<std::uint32_t>(random() % grid.width);
      const int down = static_cast<int>(row) - 11;
      const int right = static_cast<int>(column) - 9;
      if (down * down + right * right < 36 || i < 3) events.push_back(row * grid.width + column);
    }
    std::ranges::sort(events);
    batch.indices.insert(batch.indices.end(), events.begin(), events.end());
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(status);
  }
  auto store = std::make_unique<memory_store>(grid, positions, std::move(batch));
  store->described().geometry = counted_geometry(grid, 1, sector_split::rows);
  return store;
}

std::vector<std::uint64_t> bits_of(const std::vector<double>& values) {
  std::vector<std::uint64_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(double));
  return bits;
}

std::map<std::string, std::vector<std::uint64_t>> numbers(const std::vector<saved_image>& images) {
  std::map<std::string, std::vector<std::uint64_t>> all;
  for (const saved_image& image : images) {
    std::vector<double> values = std::get<std::vector<double>>(image.values);
    if (image.streamed.stream) {
      EXPECT_TRUE(values.empty());
      image.streamed.stream->make([&](std::size_t number, std::span<const double> some) {
        if (number == image.streamed.number) values.insert(values.end(), some.begin(), some.end());
      });
    }
    EXPECT_EQ(values.size(), image.elements()) << image.name;
    all[image.name] = bits_of(values);
  }
  return all;
}

std::size_t streamed(const std::vector<saved_image>& images) {
  return static_cast<std::size_t>(
      std::ranges::count_if(images, [](const saved_image& image) { return image.streamed.stream != nullptr; }));
}

reduced_store reduced_for_files(const event_store& store, const reduction_plan& plan, const copy_plan& part,
                                std::uint64_t held_bytes) {
  reading_options reading;
  reading.threads = 2;
  solo_communicator solo;
  ranks alone(solo);
  return reduce_store_for_files(store, plan, part, backend::cpu, reading, alone, held_bytes);
}

TEST(streamed_profiles, have_the_bits_of_held_ones) {
  for (const bool with_losses : {false, true}) {
    const std::unique_ptr<memory_store> made_store = sample(with_losses);
    const memory_store& store = *made_store;
    for (const char* items : {"radial", "sum,radial:0.5,radial-profile:0.5,errors,com,virtual:disk:5",
                              "radial:2,errors,incomplete:scale", "radial,errors,incomplete:skip"}) {
      for (const std::uint32_t bin : {1U, 2U}) {
        for (const std::uint32_t scan_bin : {1U, 2U}) {
          const reduction_plan plan = parse_plan(items);
          copy_plan part = whole(store.description());
          part.bin = bin;
          part.scan_bin = scan_bin;
          const reduced_store held = reduced_for_files(store, plan, part, 1U << 20U);
          const reduced_store later = reduced_for_files(store, plan, part, 0);
          EXPECT_FALSE(held.result.radial.empty());
          EXPECT_TRUE(later.result.radial.empty());
          const std::vector<saved_image> images = later.images();
          EXPECT_EQ(streamed(held.images()), 0U);
          EXPECT_EQ(streamed(images), 1U + (plan.errors ? 1U : 0U) + (with_losses ? 1U : 0U)) << items;
          EXPECT_EQ(numbers(images), numbers(held.images())) << items << " " << bin << " " << scan_bin;
        }
      }
    }
  }
}

TEST(streamed_profiles, have_fewer_readings_where_nothing_else_depends_on_the_centre) {
  const std::unique_ptr<memory_store> made_store = sample(false);
  const memory_store& store = *made_store;
  int batches = 0;
  reading_options reading;
  reading.after_batch = [&batches] { ++batches; };
  solo_communicator solo;
  ranks alone(solo);
  const reduced_store made =
      reduce_store_for_files(store, parse_plan("radial"), whole(store.description()), backend::cpu, reading, alone, 0);
  EXPECT_EQ(batches, 1) << "the sum, on which the beam is found";
  const std::vector<saved_image> images = made.images();
  EXPECT_EQ(batches, 1);
  EXPECT_EQ(numbers(images).count("radial"), 1U);
  EXPECT_EQ(batches, 2);
}

TEST(streamed_profiles, are_written_to_files_as_held_ones) {
  const test::temporary_directory directory;
  // A line of positions, so that a chunk is a part of a row: 1500 positions of 3100 rings in chunks of 4 MiB.
  for (const scan_shape& positions : {scan, scan_shape{1, 1500, 1}, scan_shape{70, 3, 1}}) {
    const std::unique_ptr<memory_store> made_store = sample(true, positions);
    const memory_store& store = *made_store;
    const reduction_plan plan = parse_plan(positions.width == 1500 ? "radial:0.005,errors" : "radial:0.5,errors");
    const std::vector<saved_image> held = reduced_for_files(store, plan, whole(store.description()), 1U << 30U).images();
    const std::vector<saved_image> later = reduced_for_files(store, plan, whole(store.description()), 0).images();
    save_images(directory / "held.h5", held, {}, {existing_file::replaced, {}});
    save_images(directory / "later.h5", later, {}, {existing_file::replaced, {}});
    for (const char* name : {"radial", "radial_error", "radial_completeness", "counts"}) {
      const auto image = std::ranges::find(held, name, &saved_image::name);
      std::vector<hsize_t> extent;
      const std::string path = std::string("reductions/") + name;
      const auto lock = io::hdf5_lock();
      const io::hdf5_handle one = io::open_hdf5(directory / "held.h5");
      const io::hdf5_handle other = io::open_hdf5(directory / "later.h5");
      const std::vector<double> values = io::read_dataset<double>(other, path, &extent);
      EXPECT_EQ(bits_of(values), bits_of(std::get<std::vector<double>>(image->values))) << name;
      EXPECT_EQ(bits_of(values), bits_of(io::read_dataset<double>(one, path)));
      EXPECT_EQ(extent, std::vector<hsize_t>(image->extent.begin(), image->extent.end()));
      save_npy(directory / "held.npy", *image, {existing_file::replaced, {}});
      save_npy(directory / "later.npy", *std::ranges::find(later, name, &saved_image::name), {existing_file::replaced, {}});
      const auto bytes = [&](const char* file) {
        std::ifstream in(directory / file, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
      };
      EXPECT_EQ(bytes("held.npy"), bytes("later.npy"));
    }
  }
}

/// A stream of an image of 2 x 3 x 2 numbers that makes so many of them.
class counting_stream final : public image_stream {
 public:
  explicit counting_stream(std::size_t values) : values_(values) {}
  void make(const taker& take) const override {
    for (std::size_t i = 0; i < values_; ++i) {
      const auto value = static_cast<double>(i);
      take(4, {&value, 1});
    }
  }

 private:
  std::size_t values_;
};

TEST(image_streams, must_make_all_values_and_no_more) {
  const test::temporary_directory directory;
  const auto save = [&](std::size_t values) {
    saved_image image{"radial", {2, 3, 2}, std::vector<double>(), "electrons", "numbers"};
    image.streamed = {std::make_shared<counting_stream>(values), 4};
    save_images(directory / "images.h5", {&image, 1}, {}, {existing_file::replaced, {}});
  };
  EXPECT_NO_THROW(save(12));
  EXPECT_THROW(save(11), error);
  EXPECT_THROW(save(13), error);
}

TEST(chunks_of_images, are_bounded_by_bytes) {
  EXPECT_EQ(io::chunk_extent({10, 20}, 8), (std::vector<hsize_t>{10, 20}));
  EXPECT_EQ(io::chunk_extent({1000, 1024}, 8), (std::vector<hsize_t>{64, 1024}));
  EXPECT_EQ(io::chunk_extent({1024, 1024, 408}, 8), (std::vector<hsize_t>{1, 1024, 408}));
  EXPECT_EQ(io::chunk_extent({1, 1000000, 408}, 8), (std::vector<hsize_t>{1, 1285, 408}));
  EXPECT_EQ(io::chunk_extent({1, 10000000}, 8), (std::vector<hsize_t>{1, 524288}));
  EXPECT_EQ(io::chunk_extent({10000000}, 8), (std::vector<hsize_t>{65536}));
}

}  // namespace
}  // namespace countem
