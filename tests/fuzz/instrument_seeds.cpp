#include "tests/fuzz/instrument_seeds.hpp"

#include "tests/io/instrument_files.hpp"

namespace countem::fuzz {

namespace {

using namespace testing_io;

/// A description of so many bytes, then four frames.
file_bytes merlin(const std::string& description, const std::string& pixels, std::uint64_t width, int chips, int bits,
                  std::size_t frame_bytes) {
  file_bytes bytes{static_cast<char>(description.size())};
  append_text(bytes, description);
  for (std::uint64_t frame = 1; frame <= 4; ++frame) {
    const std::string time = "2021-05-07 18:56:59.0" + std::to_string(frame < 3 ? frame : 2 * frame) + "0000";
    append_text(bytes, merlin_header_text(frame, pixels, width, 1, time, chips, chips == 4 ? "2x2" : "1x1", bits));
    bytes.resize(bytes.size() + frame_bytes, 7);
  }
  return bytes;
}

dm_recipe micrograph(const std::vector<std::uint32_t>& dimensions) {
  dm_recipe recipe;
  recipe.dimensions = dimensions;
  recipe.pixels = file_bytes(48, 3);
  recipe.elements = 24;
  return recipe;
}

file_bytes series(std::uint32_t version) {
  file_bytes bytes = tvips_header(version, 3, 2, 16);
  for (std::uint32_t frame = 0; frame < 4; ++frame) {
    const file_bytes header = tvips_frame_header(frame, version == 1 ? 12 : 60);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.resize(bytes.size() + 12, 5);
  }
  return bytes;
}

file_bytes block(const std::string& note, std::size_t pixel_bytes) {
  file_bytes bytes = blo_header(3, 2, 2, note);
  for (std::uint32_t pattern = 0; pattern < 4; ++pattern) {
    const file_bytes header = blo_pattern_header(pattern);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.resize(bytes.size() + 9 * pixel_bytes, 5);
  }
  return bytes;
}

}  // namespace

std::vector<std::pair<std::string, std::vector<std::uint8_t>>> instrument_seeds() {
  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> seeds;
  const auto add = [&](const std::string& name, const file_bytes& bytes) {
    seeds.emplace_back(name, std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
  };
  const auto add_text = [&](const std::string& name, const std::string& text) { add(name, {text.begin(), text.end()}); };
  add("mib", merlin("", "U08", 8, 1, 6, 8));
  add("mib_described", merlin("HDR,\nScanX:\t2\nScanY:\t2\n", "U16", 8, 1, 12, 16));
  add("mib_triggered",
      merlin("HDR,\nFrames in Acquisition (Number):\t4\nFrames per Trigger (Number):\t2\n", "R64", 32, 4, 6, 32));
  add("mib_bits", merlin("", "R64", 64, 1, 1, 8));
  add("mib_24_bits", merlin("", "R64", 8, 1, 24, 16));
  add_text("empad",
           "<root name=\"a\"><raw_file filename=\"scan_x3_y2.raw\"/><scan_parameters mode=\"acquire\"><scan_resolution_x>2"
           "</scan_resolution_x><scan_resolution_y>3</scan_resolution_y></scan_parameters></root>");
  add_text("empad_old", "<root><pix_x>3</pix_x><pix_y>2</pix_y><raw_file filename=\"scan_x3_y2.raw\"/></root>");
  dm_recipe recipe = micrograph({3, 2, 4});
  add("dm", dm_file(recipe));
  recipe.version = 3;
  add("dm_3", dm_file(recipe));
  recipe = micrograph({2, 2, 3, 2});
  recipe.order_swapped = false;
  add("dm_scattered", dm_file(recipe));
  recipe.big_endian = true;
  recipe.order_swapped = true;
  add("dm_4_axes", dm_file(recipe));
  add("tvips", series(2));
  add("tvips_1", series(1));
  add("blo", block("", 1));
  add("blo_16", block("Blo Bit Depth: 16 bits", 2));
  for (const std::uint16_t version : {std::uint16_t{0x210}, std::uint16_t{0x220}})
    add(version == 0x210 ? "ser_old" : "ser", ser_file({.version = version,
                                                        .elements = 4,
                                                        .axes = {2, 2},
                                                        .width = 3,
                                                        .height = 2,
                                                        .images = std::vector(3, file_bytes(12, 4))}));
  file_bytes movie = seq_header(4, 3, 2, 16, 4, 20);
  movie.resize(movie.size() + 80, 6);
  add("seq", movie);
  return seeds;
}

}  // namespace countem::fuzz
