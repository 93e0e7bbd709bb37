#include "host/cli/failure.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <new>
#include <string_view>
#include <system_error>

#include <countem/error.hpp>

#include "host/cli/advice.hpp"
#include "host/cli/printable.hpp"

namespace countem::cli {

namespace {

failure ended(exit_code code, const std::exception& what) {
  const auto* const ours = dynamic_cast<const error*>(&what);
  std::string text = ours != nullptr ? sentence(*ours) : what.what();
  // The limit belongs to the process, whoever reports it: our files, HDF5 or a library below it.
  if (text.find(std::generic_category().message(EMFILE)) != std::string::npos)
    text += "; raise the hard limit of open files (ulimit -Hn)";
  return {code, fmt::format("countem: {}\n", printable(text))};
}

failure bug(const std::string& what, const std::string& command_line) {
  return {surprise, fmt::format("countem: internal error: {}\nThis is a bug of countem. Please report it with the lines above, "
                                "the output of 'countem version' and this command line:\n  {}\n",
                                printable(what), printable(command_line))};
}

}  // namespace

failure explain(const std::exception_ptr& thrown, const std::string& command_line) {
  try {
    std::rethrow_exception(thrown);
  } catch (const reported_failure& what) {
    return {what.code, {}};
  } catch (const interrupted& what) {
    return ended(user_interrupt, what);
  } catch (const invalid_argument& what) {
    return ended(usage, what);
  } catch (const format_error& what) {
    return ended(bad_input, what);
  } catch (const io_error& what) {
    return ended(io_failure, what);
  } catch (const not_compiled& what) {
    return ended(no_backend, what);
  } catch (const cuda_error& what) {
    return ended(no_backend, what);
  } catch (const std::system_error& what) {  // files and threads that the system refuses
    return ended(io_failure, what);
  } catch (const std::bad_alloc&) {
    return {io_failure, std::string(out_of_memory)};
  } catch (const std::exception& what) {
    // What the thread library throws where the system starts no more threads.
    if (std::string_view(what.what()).find("pthread_create") != std::string_view::npos)
      return {io_failure,
              "countem: the system starts no more threads (ulimit -u, limits of the container): use fewer --threads\n"};
    return bug(what.what(), command_line);
  } catch (...) {
    return bug("an exception of unknown type", command_line);
  }
}

}  // namespace countem::cli
