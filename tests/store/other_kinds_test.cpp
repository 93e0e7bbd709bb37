#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>

#include <countem/calibrate.hpp>
#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/frame_source.hpp>
#include <countem/simulate.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/output.hpp"
#include "tests/store/eer_samples.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"
#include "tests/store/tpx3_samples.hpp"

// Files that were given where a file of countem was expected: the sentence names what they are, and what makes a store of them.
namespace countem {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class other_kinds : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return directory_ / name;
  }

  /// The sentence behind the name.
  template <class Open>
  std::string refusal(const std::filesystem::path& path, const Open& open) const {
    try {
      open(path);
    } catch (const other_kind_error& reason) {
      const std::string text = reason.what();
      EXPECT_THAT(text, StartsWith(path.string() + ": "));
      return text.substr(std::min(text.size(), path.string().size() + 2));
    }
    return "was taken";
  }
  std::string as_store(const std::filesystem::path& path) const {
    return refusal(path, [](const auto& file) { (void)open_event_store(file); });
  }
  std::string as_events(const std::filesystem::path& path) const {
    return refusal(path, [this](const auto& file) { (void)import_events(file, directory_ / "made.h5", {}); });
  }
  std::string as_frames(const std::filesystem::path& path) const {
    return refusal(path, [](const auto& file) { (void)open_source({file}, {}); });
  }

  test::temporary_directory directory_;
};

std::string npy_of_frames() {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4), }";
  header.resize(117, ' ');
  return "\x93NUMPY\x01\0"s + char(118) + '\0' + header + "\n" + std::string(32, '\0');
}

constexpr const char* store_expected = "and an event store is expected";
constexpr const char* makes_stores = "give a file that countem count or countem convert wrote";

TEST_F(other_kinds, lists_of_electrons_are_to_be_converted_first) {
  const auto eer = write("a.eer", test::tiff_file({{.strips = {test::two_electrons()}}}));
  EXPECT_EQ(as_store(eer),
            "is an EER file, electrons that a Falcon camera counted by itself, and an event store is expected: convert "
            "it to a store first");
  EXPECT_THAT(as_frames(eer), AllOf(HasSubstr("EER"), HasSubstr("raw frames are expected: convert it to an event store")));
  const auto tpx3 = write("a.bin", test::two_positions());
  EXPECT_THAT(as_store(tpx3), AllOf(HasSubstr("TPX3"), HasSubstr(store_expected), HasSubstr("convert it to a store first")));
}

TEST_F(other_kinds, raw_frames_are_to_be_counted_first) {
  const auto npy = write("frames.npy", npy_of_frames());
  for (const std::string& words : {as_store(npy), as_events(npy)})
    EXPECT_THAT(words, AllOf(HasSubstr("holds raw frames (format npy)"), HasSubstr("count it first")));
  EXPECT_THAT(as_store(write("a.blo", "IMGBLO" + std::string(500, '\0'))), HasSubstr("(format blo)"));
  EXPECT_THAT(as_store(write("noise.bin", "\1\2\3\4")), HasSubstr("may hold raw frames, by its name (format raw)"));
  const std::vector<std::uint8_t> pixels(32);
  {
    const auto lock = io::hdf5_lock();
    io::output_file output(directory_ / "frames.h5", event_store_output, {});
    io::hdf5_handle file = io::create_hdf5(output);
    io::write_dataset<std::uint8_t>(file, "images", {2, 4, 4}, pixels.data());
    io::close_hdf5(file, "frames.h5");
    output.finish();
  }
  EXPECT_THAT(as_store(directory_ / "frames.h5"),
              AllOf(HasSubstr("holds raw frames (dataset /images)"), HasSubstr("count it first")));
  EXPECT_THAT(as_events(directory_ / "frames.h5"), HasSubstr("and events are expected: count it first"));
}

TEST_F(other_kinds, what_is_of_no_use_is_named_all_the_same) {
  const std::pair<std::string, std::string> known[] = {
      {"", "is empty"},
      {"x, y\n1, 2\n", "reads as text"},
      {"\xff\xfe" + "x\0"s, "reads as text"},
      {"\x89PNG\r\n", "is a PNG picture"},
      {"\xff\xd8\xff\xe0", "is a JPEG picture"},
      {"PK\3\4", "is a ZIP archive"},
      {"\x1f\x8b\x08", "is a file compressed by gzip"},
      {std::string(300, '\1'), "is of no format that is known"},
  };
  for (const auto& [bytes, words] : known) {
    const auto file = write("unknown", bytes);
    EXPECT_THAT(as_store(file), AllOf(StartsWith(words), HasSubstr(store_expected)));
    EXPECT_THAT(as_events(file), AllOf(StartsWith(words), HasSubstr("events are expected")));
    EXPECT_THAT(refusal(file, load_calibration), AllOf(StartsWith(words), HasSubstr("and a calibration is expected")));
    EXPECT_THAT(refusal(file, open_truth), AllOf(StartsWith(words), HasSubstr("the truth of a simulation is expected")));
    EXPECT_THAT(verify_event_store(file), testing::ElementsAre(HasSubstr(words)));
  }
  EXPECT_THAT(as_store(write("unknown", "text")), HasSubstr(makes_stores));
  for (const auto& directories : {std::vector<test::tiff_directory>{}, {{.compression = 1, .strips = {"x"}}}}) {
    const auto file = write("sums.eer", test::tiff_file(directories));
    for (const std::string& words : {as_store(file), as_events(file), as_frames(file)})
      EXPECT_THAT(words,
                  AllOf(HasSubstr("is a TIFF file without frames of electrons (EER)"), HasSubstr("save its frames as MRC")));
  }
}

TEST_F(other_kinds, files_of_countem_are_named) {
  calibration made;
  made.shape = {4, 4};
  save_calibration(made, directory_ / "calibration.h5");
  EXPECT_THAT(as_store(directory_ / "calibration.h5"), AllOf(StartsWith("is a calibration"), HasSubstr(makes_stores)));
  save_images(directory_ / "images.h5", {}, {});
  EXPECT_THAT(as_store(directory_ / "images.h5"),
              AllOf(StartsWith("holds reductions"), HasSubstr("the store that they were made of")));
  EXPECT_THAT(as_frames(directory_ / "images.h5"), HasSubstr("and raw frames are expected"));
  test::write_store(directory_ / "store.h5", test::description_of({4, 4}, {1, 2, 1}), {});
  EXPECT_THAT(as_events(directory_ / "store.h5"), StartsWith("is an event store"));
}

TEST_F(other_kinds, nothing_is_recovered_from_them) {
  const auto recover = [this](const auto& file) { (void)recover_event_store(file, directory_ / "saved.h5"); };
  EXPECT_THAT(refusal(write("frames.npy", npy_of_frames()), recover), HasSubstr("count it first"));
  EXPECT_THAT(refusal(write("text", "text"), recover), HasSubstr("reads as text"));
  const auto zeros = write("zeros", std::string(1000, '\0'));  // as a lost disk may leave a store
  EXPECT_THROW(recover(zeros), format_error);
}

}  // namespace
}  // namespace countem
