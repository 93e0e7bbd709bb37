#include <countem/scan_share.hpp>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>

#include <countem/error.hpp>

#include "io/deflate/crc32c.hpp"

namespace countem {

namespace {

constexpr const char* entry_name = "part";

/// A number of a record; 0 where it holds none.
std::uint64_t number_in(const nlohmann::json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

template <class T>
void add(std::uint32_t& crc, std::span<const T> values) {
  crc = io::crc32c(values.data(), values.size_bytes(), crc);
}

}  // namespace

scan_share share_of(const scan_shape& scan, std::uint32_t number, std::uint32_t of) {
  if (number == 0 || number > of) {
    throw invalid_argument("there is no part " + std::to_string(number) + " of " + std::to_string(of) +
                           ": parts are numbered from 1 up to how many there are");
  }
  return {number, of, scan.frames()};
}

std::string name_of(const scan_share& share) {
  return "part " + std::to_string(share.number) + " of " + std::to_string(share.of);
}

void record_share(store_description& description, const scan_share& share) {
  const nlohmann::ordered_json record{{"number", share.number},
                                      {"of", share.of},
                                      {"first_frame", share.first_frame()},
                                      {"end_frame", share.end_frame()},
                                      {"scan_frames", share.scan_frames},
                                      {"calibration_crc32c", calibration_crc32c(description.calibrated)}};
  std::erase_if(description.provenance, [](const auto& entry) { return entry.first == entry_name; });
  description.provenance.emplace_back(entry_name, record.dump());
}

std::optional<scan_share> recorded_share(const store_description& description) {
  for (const auto& [name, text] : description.provenance) {
    if (name != entry_name) continue;
    const nlohmann::json record = nlohmann::json::parse(text, nullptr, false);
    if (!record.is_object()) return std::nullopt;
    const std::uint64_t number = number_in(record, "number");
    const std::uint64_t of = number_in(record, "of");
    const bool exists = number >= 1 && number <= of && of <= 0xffff'ffffU;
    if (!exists || number_in(record, "scan_frames") != description.scan.frames()) return std::nullopt;
    return scan_share{static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(of), description.scan.frames()};
  }
  return std::nullopt;
}

std::string calibration_crc32c(const calibration& used) {
  std::uint32_t crc = 0;
  const std::array<std::int64_t, 4> thresholds{used.background16, used.xray16, used.score16.has_value() ? 1 : 0,
                                               used.score16.value_or(0)};
  add<std::int64_t>(crc, thresholds);
  add<std::int32_t>(crc, used.pixel_background16);
  add<std::int32_t>(crc, used.dark16);
  add<float>(crc, used.gain);
  add<std::uint8_t>(crc, used.mask);
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(crc));
  return digits.data();
}

}  // namespace countem
