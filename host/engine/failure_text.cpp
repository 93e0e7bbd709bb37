#include "host/engine/failure_text.hpp"

#include <cstdint>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include <countem/error.hpp>

#include "host/engine/facts_json.hpp"

namespace countem::engine {

namespace {

std::string failure_of_kind(std::string_view kind, const std::exception& what) {
  nlohmann::ordered_json advised = nlohmann::ordered_json::array();
  if (const auto* const ours = dynamic_cast<const error*>(&what)) {
    for (const advice& one : ours->advised()) advised.push_back({static_cast<std::uint32_t>(one.kind), one.value});
  }
  return engine::text_of(nlohmann::ordered_json{{"kind", kind}, {"words", what.what()}, {"advice", advised}});
}

}  // namespace

std::string text_of_failure(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const interrupted& what) {
    return failure_of_kind("interrupted", what);
  } catch (const invalid_argument& what) {
    return failure_of_kind("invalid_argument", what);
  } catch (const format_error& what) {
    return failure_of_kind("format_error", what);
  } catch (const not_compiled& what) {
    return failure_of_kind("not_compiled", what);
  } catch (const cuda_error& what) {
    return failure_of_kind("cuda_error", what);
  } catch (const io_error& what) {
    return failure_of_kind("io_error", what);
  } catch (const std::system_error& what) {
    return failure_of_kind("io_error", what);
  } catch (const std::bad_alloc& what) {
    return failure_of_kind("bad_alloc", what);
  } catch (const std::exception& what) {
    return failure_of_kind("exception", what);
  } catch (...) {
    return failure_of_kind("exception", std::runtime_error("an exception of unknown type"));
  }
}

known_failure failure_from(const std::string& text) {
  const nlohmann::ordered_json parsed = nlohmann::ordered_json::parse(text);
  return {parsed["words"].get<std::string>(), parsed["kind"] == "interrupted"};
}

void throw_failure(const std::string& text, const std::string& words) {
  const nlohmann::ordered_json parsed = nlohmann::ordered_json::parse(text);
  const auto kind = parsed["kind"].get<std::string>();
  std::vector<advice> advised;
  for (const nlohmann::ordered_json& one : parsed["advice"])
    advised.push_back({static_cast<advice_kind>(one[0].get<std::uint32_t>()), one[1].get<std::string>()});
  if (kind == "interrupted") throw interrupted(words, advised);
  if (kind == "invalid_argument") throw invalid_argument(words, advised);
  if (kind == "format_error") throw format_error(words, advised);
  if (kind == "not_compiled") throw not_compiled(words, advised);
  if (kind == "cuda_error") throw cuda_error(words, advised);
  if (kind == "io_error") throw io_error(words, advised);
  if (kind == "bad_alloc") throw std::bad_alloc();
  throw std::runtime_error(words);
}

}  // namespace countem::engine
