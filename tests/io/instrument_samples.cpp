#include "tests/io/instrument_samples.hpp"

#include <fmt/format.h>

#include <utility>

#include "tests/io/sample_bytes.hpp"

namespace countem::testing_io {

namespace {

constexpr frame_shape little{9, 7};

source_sample mib() {
  source_sample sample{.name = "mib", .format = input_format("mib"), .shape = little};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    std::vector<char> bytes;
    for (std::uint64_t frame = 0; frame < scan.frames(); ++frame) {
      append_text(bytes, merlin_header_text(frame + 1, "U16", little.width, little.height));
      append(bytes, pattern_frame(frame, little), true);
    }
    std::vector<char> description;
    append_text(description, fmt::format("HDR,\t\nScanX:\t{}\nScanY:\t{}\nEnd\t", scan.width, scan.height));
    put(directory, "frames.hdr", description);
    return std::vector{put(directory, "frames.mib", bytes)};
  };
  sample.write_absurd = [](const fs::path& directory) {
    std::vector<char> bytes;
    append_text(bytes, merlin_header_text(1, "U16", 60000, 60000));
    append_frames(bytes, 3, little);
    return put(directory, "absurd.mib", bytes);
  };
  sample.shown_in_place = false;  // big-endian
  return sample;
}

/// The last frame without the two rows that are no image.
std::vector<char> empad_bytes(std::uint64_t frames) {
  std::vector<char> bytes;
  for (std::uint64_t frame = 0; frame < frames; ++frame) {
    const std::vector<std::uint16_t> pixels = pattern_frame(frame, {128, 128});
    append(bytes, std::vector<float>(pixels.begin(), pixels.end()));
    if (frame + 1 < frames) append(bytes, std::vector<float>(256, -1.0F));
  }
  return bytes;
}

source_sample empad() {
  source_sample sample{.name = "empad", .format = input_format("empad"), .shape = {128, 128}, .type = pixel_type::f32};
  sample.write = [](const fs::path& directory, const scan_shape& scan) {
    const std::string name = fmt::format("scan_x{}_y{}.raw", scan.width, scan.height * scan.frames_per_position);
    return std::vector{put(directory, name, empad_bytes(scan.frames()))};
  };
  sample.write_absurd = [](const fs::path& directory) {
    return put(directory, "scan_x4000000000_y4000000000.raw", empad_bytes(3));
  };
  sample.describes_itself = false;
  return sample;
}

/// A sample of one file without the size of its scan in it; `make` gets the number of frames and the size that is claimed.
template <class Make>
source_sample line_of_frames(const std::string& name, const std::string& file, const Make& make) {
  source_sample sample{.name = name, .format = input_format(name), .shape = little};
  sample.write = [=](const fs::path& directory, const scan_shape& scan) {
    return std::vector{put(directory, file, make(scan.frames(), little))};
  };
  sample.write_absurd = [=](const fs::path& directory) { return put(directory, file, make(3, frame_shape{60000, 60000})); };
  sample.knows_scan = false;
  return sample;
}

source_sample dm() {
  source_sample sample = line_of_frames("dm", "frames.dm4", [](std::uint64_t frames, frame_shape claimed) {
    dm_recipe recipe;
    recipe.dimensions = {claimed.width, claimed.height, static_cast<std::uint32_t>(frames)};
    append_frames(recipe.pixels, frames, little);
    recipe.elements = frames * little.pixels();
    return dm_file(recipe);
  });
  sample.opens_when_cut = false;  // the sizes follow the pixels
  return sample;
}

source_sample tvips() {
  source_sample sample = line_of_frames("tvips", "frames_000.tvips", [](std::uint64_t frames, frame_shape claimed) {
    std::vector<char> bytes = tvips_header(2, claimed.width, claimed.height, 16);
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
      const std::vector<char> header = tvips_frame_header(static_cast<std::uint32_t>(frame));
      bytes.insert(bytes.end(), header.begin(), header.end());
      append(bytes, pattern_frame(frame, little));
    }
    return bytes;
  });
  return sample;
}

/// The scan is known, but several frames at a position are rows of it.
source_sample blo() {
  const auto make = [](const scan_shape& scan, std::uint16_t side, std::uint64_t frames) {
    std::vector<char> bytes = blo_header(side, static_cast<std::uint16_t>(scan.width),
                                         static_cast<std::uint16_t>(scan.height * scan.frames_per_position));
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
      const std::vector<char> header = blo_pattern_header(static_cast<std::uint32_t>(frame));
      bytes.insert(bytes.end(), header.begin(), header.end());
      const std::vector<std::uint16_t> pixels = pattern_in(pixel_type::u8, frame, {8, 8});
      append(bytes, std::vector<std::uint8_t>(pixels.begin(), pixels.end()));
    }
    return bytes;
  };
  source_sample sample{.name = "blo", .format = input_format("blo"), .shape = {8, 8}, .type = pixel_type::u8};
  sample.write = [make](const fs::path& directory, const scan_shape& scan) {
    return std::vector{put(directory, "frames.blo", make(scan, 8, scan.frames()))};
  };
  sample.write_absurd = [make](const fs::path& directory) { return put(directory, "absurd.blo", make({3, 1, 1}, 60000, 3)); };
  return sample;
}

source_sample ser() {
  source_sample sample = line_of_frames("ser", "frames.ser", [](std::uint64_t frames, frame_shape claimed) {
    ser_recipe recipe{.elements = static_cast<std::uint32_t>(frames), .axes = {static_cast<std::uint32_t>(frames)}};
    recipe.width = claimed.width;
    recipe.height = claimed.height;
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
      const std::vector<std::uint16_t> pixels = pattern_frame(frame, little);
      std::vector<char> image;
      for (std::size_t row = little.height; row-- > 0;)
        append(image, std::vector(pixels.begin() + static_cast<std::ptrdiff_t>(row * little.width),
                                  pixels.begin() + static_cast<std::ptrdiff_t>((row + 1) * little.width)));
      recipe.images.push_back(image);
    }
    return ser_file(recipe);
  });
  sample.shown_in_place = false;  // rows are turned
  return sample;
}

source_sample seq() {
  return line_of_frames("seq", "frames.seq", [](std::uint64_t frames, frame_shape claimed) {
    constexpr std::uint32_t distance = 200;
    const bool sound = claimed == little;
    std::vector<char> bytes =
        seq_header(5, claimed.width, claimed.height, 16, static_cast<std::uint32_t>(frames), sound ? distance : ~0U);
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
      append(bytes, pattern_frame(frame, little));
      if (frame + 1 < frames) bytes.resize(bytes.size() + distance - 2 * little.pixels());
    }
    return bytes;
  });
}

}  // namespace

std::vector<source_sample> instrument_samples() {
  return {mib(), empad(), dm(), tvips(), blo(), ser(), seq()};
}

}  // namespace countem::testing_io
