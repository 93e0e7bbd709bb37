// The table of export forms: one place for names, help, messages and documentation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <countem/convert.hpp>
#include <countem/error.hpp>

#include "io/convert/exports.hpp"
#include "io/convert/zip_writer.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using testing::HasSubstr;

TEST(export_forms, are_found_by_name) {
  std::size_t number = 0;
  for (const export_form& form : export_forms()) {
    EXPECT_EQ(export_format_from(form.name), form.format);
    EXPECT_EQ(static_cast<std::size_t>(form.format), number++) << form.name;  // every enumerator once, in order
  }
  EXPECT_EQ(export_format_from("dense"), export_format::dense);
  EXPECT_EQ(number, static_cast<std::size_t>(export_format::dense) + 1);
}

TEST(export_forms, are_listed_in_help_and_errors) {
  EXPECT_EQ(export_form_names(), "stempy, csr, raw_csr, npz or dense");
  EXPECT_EQ(export_form_names("store"), "stempy, csr, raw_csr, npz, dense or store");
  try {
    (void)export_format_from("tiff");
    ADD_FAILURE() << "tiff is no form";
  } catch (const invalid_argument& reason) {
    EXPECT_STREQ(reason.what(), "export format \"tiff\" is unknown; use stempy, csr, raw_csr, npz or dense");
  }
}

TEST(export_forms, stand_in_the_documentation) {
  std::ifstream in(COUNTEM_SOURCE_DIRECTORY "/docs/conversion.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  for (const export_form& form : export_forms()) {
    std::string row = "\n| `";
    row.append(form.name).append("` |");
    for (const std::string_view cell : {form.writes, form.opens_in, form.repeated_pixels, form.other_facts}) {
      row.append(" ").append(cell).append(" |");
    }
    EXPECT_THAT(page, HasSubstr(row + "\n"));
  }
}

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value{};
  EXPECT_LE(at + sizeof value, bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Field by field as the ZIP format has them: a local header of 30 bytes, the name, a ZIP64 field of 20, the contents.
TEST(zip_writer, writes_stored_members_with_zip64_sizes) {
  const test::temporary_directory directory;
  {
    io::output_file output(directory / "two.zip", io::npz_output, {});
    io::zip_writer zip(output);
    zip.begin("a.npy");
    zip.append("123456", 6);
    zip.append("789", 3);
    zip.end();
    zip.begin("b");
    zip.end();
    zip.finish();
    output.finish();
  }
  std::ifstream in(directory / "two.zip", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(number_at<std::uint32_t>(bytes, 0), 0x04034b50U);
  EXPECT_EQ(number_at<std::uint32_t>(bytes, 14), 0xcbf43926U);  // the CRC-32 of 123456789
  EXPECT_EQ(bytes.substr(30, 5), "a.npy");
  EXPECT_EQ(number_at<std::uint64_t>(bytes, 30 + 5 + 4), 9U);
  EXPECT_EQ(number_at<std::uint64_t>(bytes, 30 + 5 + 12), 9U);
  EXPECT_EQ(bytes.substr(30 + 5 + 20, 9), "123456789");
  const std::size_t second = 30 + 5 + 20 + 9;
  EXPECT_EQ(bytes.substr(second + 30, 1), "b");
  const std::size_t entries = second + 30 + 1 + 20;
  EXPECT_EQ(number_at<std::uint32_t>(bytes, entries), 0x02014b50U);
  const std::size_t next = entries + 46 + 5 + 28;
  EXPECT_EQ(number_at<std::uint64_t>(bytes, next - 8), 0U);  // where the first member lies
  EXPECT_EQ(number_at<std::uint32_t>(bytes, next), 0x02014b50U);
  const std::size_t end = next + 46 + 1 + 28;
  EXPECT_EQ(number_at<std::uint64_t>(bytes, end - 8), second);
  EXPECT_EQ(number_at<std::uint32_t>(bytes, end), 0x06064b50U);
  EXPECT_EQ(number_at<std::uint64_t>(bytes, end + 24), 2U);             // members
  EXPECT_EQ(number_at<std::uint64_t>(bytes, end + 40), end - entries);  // bytes of the directory
  EXPECT_EQ(number_at<std::uint64_t>(bytes, end + 48), entries);
  EXPECT_EQ(number_at<std::uint32_t>(bytes, end + 56), 0x07064b50U);
  EXPECT_EQ(number_at<std::uint64_t>(bytes, end + 64), end);
  EXPECT_EQ(number_at<std::uint32_t>(bytes, end + 76), 0x06054b50U);
  EXPECT_EQ(bytes.substr(end + 98), "countem");  // the comment
}

}  // namespace
}  // namespace countem
