#include <nanobind/nanobind.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include <countem/error.hpp>

#include "host/python/advice.hpp"
#include "host/python/bindings.hpp"

namespace countem::python {

namespace {

namespace nb = nanobind;

/// The errno that a text of the library quotes from the system; 0: none.
int quoted_errno(std::string_view text) {
  for (const int code : {ENOENT, EACCES, EPERM, EISDIR, ENOTDIR, EEXIST, ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, EIO, ENOMEM}) {
    if (text.find(std::generic_category().message(code)) != std::string_view::npos) return code;
  }
  return 0;
}

/// Which of Python's errors of the system stands for this errno; others are OSError itself.
PyObject* class_of(int code) {
  switch (code) {
    case ENOENT: return PyExc_FileNotFoundError;
    case EACCES:
    case EPERM: return PyExc_PermissionError;
    case EISDIR: return PyExc_IsADirectoryError;
    case ENOTDIR: return PyExc_NotADirectoryError;
    case EEXIST: return PyExc_FileExistsError;
    case ENOMEM: return PyExc_MemoryError;
    default: return PyExc_OSError;
  }
}

/// Text that quotes a path may hold bytes that are no UTF-8.
nb::object text_of(const std::string& words) {
  return nb::steal(PyUnicode_DecodeUTF8(words.data(), static_cast<Py_ssize_t>(words.size()), "backslashreplace"));
}

void raise(PyObject* type, const std::string& words) {
  const nb::object text = text_of(words);
  if (text.is_valid()) PyErr_SetObject(type, text.ptr());
}

/// The sentence is the whole text, as with the errors of Python that a program raises itself; errno is set beside it.
void raise_os_error(int code, const std::string& words) {
  const nb::object type = nb::borrow(class_of(code));
  const nb::object failure = type(text_of(words));
  if (code != 0 && code != ENOMEM) failure.attr("errno") = code;
  PyErr_SetObject(type.ptr(), failure.ptr());
}

void raise_io_error(const error& what) {
  const int code = quoted_errno(what.what());
  std::string words = sentence(what);
  if (code == EMFILE) words += "; raise the limit of open files (ulimit -n) or close stores that are not needed";
  raise_os_error(code, words);
}

/// Whether what stands in the way is a file that may be replaced.
bool is_of_existing_file(const error& what) {
  const auto advises = [&](advice_kind kind) {
    return std::any_of(what.advised().begin(), what.advised().end(),
                       [kind](const advice& given) { return given.kind == kind; });
  };
  return advises(advice_kind::replace) && (advises(advice_kind::other_output) || advises(advice_kind::resume_counting));
}

// Everything that C++ throws passes here, most special class first; what is no error of ours is left to nanobind.
void translate(const std::exception_ptr& thrown, void* /*unused*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const interrupted& what) {
    raise(PyExc_KeyboardInterrupt, sentence(what));
  } catch (const invalid_argument& what) {
    if (is_of_existing_file(what)) return raise_os_error(EEXIST, sentence(what));
    raise(PyExc_ValueError, sentence(what));
  } catch (const format_error& what) {
    raise(PyExc_ValueError, sentence(what));
  } catch (const io_error& what) {
    raise_io_error(what);
  } catch (const error& what) {  // not_compiled, cuda_error
    raise(PyExc_RuntimeError, sentence(what));
  } catch (const std::system_error& what) {  // files and threads that the system refuses
    raise_os_error(what.code().default_error_condition().value(), what.what());
  } catch (const std::bad_alloc&) {
    raise(PyExc_MemoryError, "out of memory: read or count less at a time, or use fewer threads");
  }
}

}  // namespace

void bind_errors() {
  nb::register_exception_translator(translate);
}

}  // namespace countem::python
