#include "host/cli/option_words.hpp"

#include <algorithm>
#include <array>

namespace countem::cli {

namespace {

constexpr auto any = value_kind::none;
constexpr auto file = value_kind::file;
constexpr auto folder = value_kind::directory;

constexpr std::string_view counting = "Counting";
constexpr std::string_view images = "Images";
constexpr std::string_view live = "Reductions while counting";
constexpr std::string_view output = "Output";
constexpr std::string_view part = "Part and binning";
constexpr std::string_view running = "Running";
constexpr std::string_view printing = "Printing";

// Groups that are empty here are set where the option is defined, since they differ between commands.
constexpr std::array table{
    option_words{"INPUT", "", "FILE", file},
    option_words{"input", "", "FILE", file},
    option_words{"file", "", "FILE", file},
    option_words{"broken", "", "FILE", file},
    option_words{"PART", "", "FILE", file},
    option_words{"counted", "", "FILE", file},
    option_words{"truth", "", "FILE", file},
    option_words{"directory", "", "DIRECTORY", folder},
    option_words{"--format", "", "FORMAT", any},
    option_words{"--input-format", "", "FORMAT", any},
    option_words{"--scan", "", "WxH[xN]", any},
    option_words{"--skip", "", "FRAMES", any},
    option_words{"--flyback", "", "FRAMES", any},
    option_words{"--snake", "", "", any},
    option_words{"--shape", "", "HxW", any},
    option_words{"--dtype", "", "TYPE", any},
    option_words{"--offset", "", "BYTES", any},
    option_words{"--gap", "", "BYTES", any},
    option_words{"--dataset", "", "PATH", any},
    option_words{"--axes", "", "NAME,...", any},
    option_words{"--dark", "", "FILE", file},
    option_words{"--gain", "", "FILE", file},
    option_words{"--mask", images, "FILE", file},
    option_words{"--calibration", "", "FILE", file},
    option_words{"--threshold", "", "ADU", any},
    option_words{"--score-threshold", "", "ADU", any},
    option_words{"--xray-threshold", "", "ADU", any},
    option_words{"--dark-only", "", "", any},
    option_words{"--sweep", "", "N:N:STEP", any},
    option_words{"--background-sigma", "", "SIGMAS", any},
    option_words{"--xray-sigma", "", "SIGMAS", any},
    option_words{"--method", counting, "METHOD", any},
    option_words{"--row-noise", counting, "STATISTIC", any},
    option_words{"--background", counting, "WHAT", any},
    option_words{"--min-cluster-size", counting, "PIXELS", any},
    option_words{"--max-cluster-size", counting, "PIXELS", any},
    option_words{"--values", counting, "VALUE", any},
    option_words{"--upsample", counting, "N", any},
    option_words{"--live", live, "LIST", any},
    option_words{"--live-centre", live, "ROW,COLUMN", any},
    option_words{"--sum", images, "", any},
    option_words{"--max", images, "", any},
    option_words{"--com", images, "", any},
    option_words{"--com-within", images, "DETECTOR", any},
    option_words{"--second-moments", images, "", any},
    option_words{"--from-centre", images, "", any},
    option_words{"--descan", images, "", any},
    option_words{"--descan-from", images, "R:R,C:C", any},
    option_words{"--scan-rotation", images, "DEGREES", any},
    option_words{"--flip", images, "", any},
    option_words{"--no-flip", images, "", any},
    option_words{"--phase", images, "", any},
    option_words{"--phase-edges", images, "EDGES", any},
    option_words{"--phase-high-pass", images, "CYCLES", any},
    option_words{"--pixel-per-nm", images, "1/NM", any},
    option_words{"--voltage", images, "KV", any},
    option_words{"--scan-step", images, "NM", any},
    option_words{"--dwell", "", "US", any},
    option_words{"--cluster-time", "", "NS", any},
    option_words{"--efficiency", images, "X", any},
    option_words{"--radial", images, "", any},
    option_words{"--radial-profile", images, "", any},
    option_words{"--radial-step", images, "PIXELS", any},
    option_words{"--virtual", images, "DETECTOR", any},
    option_words{"--coincidence", images, "", any},
    option_words{"--weights", images, "FILE", file},
    option_words{"--exclude", images, "FILE", file},
    option_words{"--errors", images, "", any},
    option_words{"--centre", images, "ROW,COLUMN", any},
    option_words{"--scan-crop", part, "R:R,C:C", any},
    option_words{"--crop", part, "R:R,C:C", any},
    option_words{"--bin", part, "N", any},
    option_words{"--scan-bin", part, "N", any},
    option_words{"--keep-remainder", part, "", any},
    option_words{"--incomplete", part, "USE", any},
    option_words{"--skip-incomplete", part, "", any},
    option_words{"--title", output, "TEXT", any},
    option_words{"--count-json", output, "FILE", file},
    option_words{"--limit", output, "MB", any},
    option_words{"--pixel-mrad", output, "MRAD", any},
    option_words{"--step-nm", output, "NM", any},
    option_words{"--output", output, "FILE", file},
    option_words{"--png", output, "DIRECTORY", folder},
    option_words{"--no-png", output, "", any},
    option_words{"--png-plain", output, "", any},
    option_words{"--npy", output, "DIRECTORY", folder},
    option_words{"--fast-sparse", output, "", any},
    option_words{"--wide-counts", output, "", any},
    option_words{"--to", output, "FORM", any},
    option_words{"--store", "", "FILE", file},
    option_words{"--backend", running, "BACKEND", any},
    option_words{"--devices", running, "N,N", any},
    option_words{"--threads", running, "N", any},
    option_words{"--copy-input", running, "", any},
    option_words{"--resume", running, "", any},
    option_words{"--part", running, "K/N|auto", any},
    option_words{"--spectrum-frames", "", "N", any},
    option_words{"--repetitions", running, "N", any},
    option_words{"--files", "", "DIRECTORY", folder},
    option_words{"--megabytes", "", "MB", any},
    option_words{"--follow", running, "", any},
    option_words{"--interval", running, "SECONDS", any},
    option_words{"--json", printing, "", any},
    option_words{"--quiet", printing, "", any},
    option_words{"--verbose", printing, "", any},
    option_words{"--help", printing, "", any},
    option_words{"--version", printing, "", any},
};

}  // namespace

option_words words_for(std::string_view name) {
  const auto* const found = std::find_if(table.begin(), table.end(), [&](const option_words& row) { return row.name == name; });
  return found == table.end() ? option_words{name, "", "", any} : *found;
}

int group_rank(std::string_view group) {
  constexpr std::array last{output, running, printing};
  const auto* const found = std::find(last.begin(), last.end(), group);
  return found == last.end() ? 0 : 1 + static_cast<int>(found - last.begin());
}

}  // namespace countem::cli
