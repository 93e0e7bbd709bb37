#include "tests/io/sample_bytes.hpp"

// EMPAD (docs/formats.md): where the size of the scan comes from.
namespace countem::testing_io {
namespace {

struct empad_scans : ::testing::Test {
  temporary_directory scratch;

  /// So many frames of 130 rows, each pixel the number of its frame.
  fs::path frames(const std::string& name, std::size_t count) const {
    std::vector<char> bytes;
    for (std::size_t frame = 0; frame < count; ++frame)
      append(bytes, std::vector<float>(std::size_t{130} * 128, static_cast<float>(frame)));
    return put(scratch.path(), name, bytes);
  }
  fs::path describe(const std::string& name, const std::string& elements) const {
    std::vector<char> bytes;
    append_text(bytes, "<root name=\"acquisition\">" + elements + "</root>");
    return put(scratch.path(), name, bytes);
  }
  static scan_shape scan_of(const fs::path& file) { return open_source({file}, {})->info().scan; }
};

std::string acquired(int width, int height) {
  const auto sized = [&](const std::string& mode, int x, int y) {
    return "<scan_parameters mode=\"" + mode + "\"><scan_resolution_y>" + std::to_string(y) +
           "</scan_resolution_y><scan_resolution_x>" + std::to_string(x) + "</scan_resolution_x></scan_parameters>";
  };
  return sized("search", 9, 9) + sized("acquire", width, height);
}

TEST_F(empad_scans, of_old_and_new_descriptions_and_of_names) {
  const fs::path raw = frames("a.raw", 6);
  const std::string named = "<raw_file filename=\"a.raw\"/>";
  EXPECT_EQ(scan_of(describe("a.xml", "<pix_x>3</pix_x><pix_y>2</pix_y>" + named + acquired(128, 128))), (scan_shape{2, 3, 1}));
  EXPECT_EQ(scan_of(raw), (scan_shape{2, 3, 1})) << "the description beside it";
  EXPECT_EQ(scan_of(describe("a.xml", named + acquired(2, 3))), (scan_shape{3, 2, 1}));
  EXPECT_EQ(scan_of(describe("a.xml", "<type>series</type><count>6</count>" + named)), (scan_shape{1, 6, 1}));
  EXPECT_EQ(scan_of(describe("a.xml", named + "<scan_parameters><series_count>6</series_count></scan_parameters>")),
            (scan_shape{1, 6, 1}));
  EXPECT_EQ(scan_of(frames("scan_x2_y3.raw", 6)), (scan_shape{3, 2, 1}));
  EXPECT_TRUE(open_source({scratch / "scan_x2_y3.raw"}, {})->info().issues.empty());
  EXPECT_EQ(all_pixels<float>(*open_source({scratch / "scan_x2_y3.raw"}, {})).at(std::size_t{5} * 128 * 128), 5);
}

TEST_F(empad_scans, that_disagree_are_judged_by_the_frames) {
  (void)frames("scan_x2_y3.raw", 6);
  const fs::path description =
      describe("s.xml", "<pix_x>4</pix_x><pix_y>4</pix_y><raw_file filename=\"/elsewhere/scan_x2_y3.raw\"/>");
  const auto source = open_source({description}, {});
  EXPECT_EQ(source->info().scan, (scan_shape{3, 2, 1}));
  expect_issue(source->info(), "scan_disagrees", 1, {"scan_x2_y3.raw", "4 x 4", "2 x 3 is taken", "6 frames"});
  (void)frames("scan_x2_y3.raw", 5);
  EXPECT_EQ(open_source({description}, {})->info().scan, (scan_shape{4, 4, 1})) << "none fits: the first";
  EXPECT_EQ(open_source({description}, {})->info().missing_frames, 11U);
  EXPECT_EQ(open_source({scratch / "scan_x2_y3.raw"}, {})->info().missing_frames, 1U);
}

TEST_F(empad_scans, descriptions_are_read_in_every_encoding) {
  const fs::path raw = frames("a.raw", 6);
  const std::string xml =
      "<?xml version=\"1.0\"?>\n<root><pix_x> 3 </pix_x><pix_y>2</pix_y><raw_file filename=\"a.raw\"/></root>";
  for (const std::string& text : encoded(xml)) {
    put_text(scratch / "a.xml", text);
    EXPECT_EQ(scan_of(raw), (scan_shape{2, 3, 1}));
    EXPECT_EQ(scan_of(scratch / "a.xml"), (scan_shape{2, 3, 1}));
  }
}

TEST_F(empad_scans, sizes_that_are_no_sizes_are_named) {
  const fs::path raw = frames("a.raw", 6);
  for (const char* wrong : {"3.0", "-3", "4294967298", "3 px", "three"}) {
    const fs::path xml =
        describe("a.xml", std::string("<pix_x>") + wrong + "</pix_x><pix_y>2</pix_y><raw_file filename=\"a.raw\"/>");
    const source_info info = open_source({xml}, {})->info();
    EXPECT_EQ(info.scan, (scan_shape{1, 6, 1})) << wrong;
    expect_issue(info, "unreadable_number", 1, {"a.xml", std::string("pix_x = ") + wrong});
  }
  (void)describe("a.xml", "<series_count>0</series_count><raw_file filename=\"a.raw\"/>" + acquired(3, 2));
  EXPECT_TRUE(open_source({raw}, {})->info().issues.empty()) << "no series";
  (void)frames("scan_x2_y3.raw", 6);
  put_text(scratch / "scan_x2_y3.xml", "");
  const source_info named = open_source({scratch / "scan_x2_y3.raw"}, {})->info();
  EXPECT_EQ(named.scan, (scan_shape{3, 2, 1}));
  expect_issue(named, "empty_description", 1, {"scan_x2_y3.xml", "not used"});
}

TEST_F(empad_scans, faults) {
  const fs::path description = describe("a.xml", "<raw_file filename=\"a.raw\"/>" + acquired(2, 3));
  expect_error<format_error>({description}, {}, {"a.xml", "a.raw", "not beside it"});
  expect_error<format_error>({describe("b.xml", "")}, {}, {"b.xml", "names no raw_file"});
  expect_error<format_error>({describe("c.xml", "<raw_file filename=\"")}, {}, {"c.xml", "names no raw_file"});
  (void)frames("a.raw", 6);
  fs::resize_file(scratch / "a.raw", 1000);
  expect_error<format_error>({description}, {}, {"a.raw", "not one whole frame"});
  expect_error<format_error>({frames("other.raw", 2)}, {}, {"other.raw", "its format cannot be told"});
  fs::resize_file(scratch / "other.raw", 70000);
  expect_error<format_error>({scratch / "other.raw"}, as(input_format("empad")), {"other.raw", "70000 bytes"});
}

TEST_F(empad_scans, of_real_descriptions) {
  for (const auto& [name, raw, scan] :
       {std::tuple{"map4x4.xml", "scan_x4_y4.raw", scan_shape{4, 4, 1}},
        std::tuple{"EMPAD_v1.2.2_x32_y64_size0.8.xml", "scan_x32_y64.raw", scan_shape{64, 32, 1}}}) {
    if (!fs::exists(real_file(name))) GTEST_SKIP() << "the real file " << real_file(name) << " is not on this machine";
    fs::copy_file(real_file(name), scratch / name);
    save(scratch / raw, {});
    fs::resize_file(scratch / raw, scan.frames() * 130 * 128 * sizeof(float));
    const auto source = open_source({scratch / name}, {});
    EXPECT_EQ(source->info().scan, scan);
    EXPECT_EQ(source->info().missing_frames, 0U);
    EXPECT_TRUE(source->info().issues.empty()) << name;
  }
}

}  // namespace
}  // namespace countem::testing_io
