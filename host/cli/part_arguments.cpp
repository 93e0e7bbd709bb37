#include "host/cli/part_arguments.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

#include <countem/error.hpp>

namespace countem::cli {

namespace {

constexpr std::uint32_t most_parts = 1'000'000;

std::optional<std::uint32_t> number_from(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// A variable of the environment; empty where it is not set or holds nothing.
std::optional<std::uint32_t> variable(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  if (const std::optional<std::uint32_t> number = number_from(text)) return number;
  throw invalid_argument(fmt::format("the environment's {}={} is no number: give --part K/N", name, text));
}

part_number checked(std::uint32_t number, std::uint32_t of, std::string known_from) {
  if (of > most_parts) throw invalid_argument(fmt::format("{} parts are more than {}", of, most_parts));
  return {number, of, std::move(known_from)};
}

/// The two variables by which a launcher numbers its processes.
struct launcher {
  const char* rank;  ///< from 0
  const char* size;
};

constexpr launcher open_mpi{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"};
constexpr launcher pmi{"PMI_RANK", "PMI_SIZE"};
constexpr launcher slurm{"SLURM_PROCID", "SLURM_NTASKS"};

std::optional<part_number> rank_of(const launcher& by, bool may_lack_one) {
  const std::optional<std::uint32_t> rank = variable(by.rank);
  const std::optional<std::uint32_t> size = variable(by.size);
  if (!rank && !size) return std::nullopt;
  if (!rank || !size) {
    if (may_lack_one) return std::nullopt;
    throw invalid_argument(
        fmt::format("the environment holds {} and no {}: start the program by the launcher that sets both, or give --part K/N",
                    rank ? by.rank : by.size, rank ? by.size : by.rank));
  }
  if (*rank >= *size)
    throw invalid_argument(
        fmt::format("the environment's {}={} is not below {}={}: give --part K/N", by.rank, *rank, by.size, *size));
  return checked(*rank + 1, *size, fmt::format("{} and {}", by.rank, by.size));
}

/// The place of a job in a Slurm job array, whose numbers may begin anywhere and have steps, but no gaps.
std::optional<part_number> place_in_array() {
  const std::optional<std::uint32_t> id = variable("SLURM_ARRAY_TASK_ID");
  if (!id) return std::nullopt;
  const std::optional<std::uint32_t> count = variable("SLURM_ARRAY_TASK_COUNT");
  const std::optional<std::uint32_t> first = variable("SLURM_ARRAY_TASK_MIN");
  const std::optional<std::uint32_t> last = variable("SLURM_ARRAY_TASK_MAX");
  const std::uint32_t step = variable("SLURM_ARRAY_TASK_STEP").value_or(1);
  if (!count || !first) {
    throw invalid_argument(fmt::format("the environment holds SLURM_ARRAY_TASK_ID and no {}: give --part K/N",
                                       count ? "SLURM_ARRAY_TASK_MIN" : "SLURM_ARRAY_TASK_COUNT"));
  }
  const bool is_even = step != 0 && *id >= *first && (*id - *first) % step == 0 && (*id - *first) / step < *count &&
                       (!last || (*last >= *first && (*last - *first) / step + 1 == *count));
  if (!is_even) {
    throw invalid_argument(fmt::format(
        "the job array is no even range (SLURM_ARRAY_TASK_ID={}, SLURM_ARRAY_TASK_MIN={}, SLURM_ARRAY_TASK_STEP={}, "
        "SLURM_ARRAY_TASK_COUNT={}): give --part K/N",
        *id, *first, step, *count));
  }
  return checked((*id - *first) / step + 1, *count, "SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT");
}

part_number part_of_environment() {
  const std::optional<part_number> array = place_in_array();
  std::optional<part_number> rank = rank_of(open_mpi, false);
  if (!rank) rank = rank_of(pmi, false);
  // A job's own script has a SLURM_PROCID, and a SLURM_NTASKS only if it was asked for.
  if (!rank) rank = rank_of(slurm, array.has_value());
  if (array && rank && array->of > 1 && rank->of > 1) {
    throw invalid_argument(
        fmt::format("both {} ({} parts) and {} ({} parts) may divide the scan: give --part K/N, or unset those that do not",
                    array->known_from, array->of, rank->known_from, rank->of));
  }
  if (array && (!rank || array->of > 1)) return *array;
  if (rank) return *rank;
  throw invalid_argument(
      "--part auto finds no part in the environment (OMPI_COMM_WORLD_RANK and _SIZE, PMI_RANK and _SIZE, SLURM_PROCID and "
      "SLURM_NTASKS, or SLURM_ARRAY_TASK_ID and _COUNT): start the program by mpirun, srun or in a job array, or give --part "
      "K/N");
}

}  // namespace

part_number part_from(const std::string& text) {
  if (text == "auto") return part_of_environment();
  const std::string_view whole = text;
  const std::size_t slash = std::min(whole.find('/'), whole.size());
  const std::uint32_t number = number_from(whole.substr(0, slash)).value_or(0);
  const std::uint32_t of = number_from(whole.substr(std::min(slash + 1, whole.size()))).value_or(0);
  if (number == 0 || number > of) {
    throw invalid_argument(
        fmt::format("--part {}: is neither auto nor K/N with K from 1 to N, as 3/4 for the third of four parts", text));
  }
  return checked(number, of, {});
}

std::filesystem::path name_of_part(const std::filesystem::path& output, const part_number& part) {
  constexpr std::string_view placeholder = "{part}";
  std::string name = output.string();
  const std::string words = fmt::format("{:0{}}_of_{}", part.number, std::to_string(part.of).size(), part.of);
  std::size_t at = name.find(placeholder);
  if (at == std::string::npos) {
    const std::string example = (output.parent_path() / output.stem()).string() + ".{part}" + output.extension().string();
    throw invalid_argument(
        fmt::format("{}: parts need names of their own: put {{part}}, which becomes {}, into it, as {}", name, words, example));
  }
  for (; at != std::string::npos; at = name.find(placeholder, at + words.size())) name.replace(at, placeholder.size(), words);
  return name;
}

}  // namespace countem::cli
