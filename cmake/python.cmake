# Decides whether the Python module is compiled: COUNTEM_HAS_PYTHON. docs/python.md describes the package.
#   OFF   never
#   AUTO  where the tests are built, Python's headers are there and the pinned packages can be installed
#   ON    always, and an error where that is impossible; pip builds with it and brings nanobind along
# Outside pip nanobind comes from the environment that also runs the tests, made here from tests/python/requirements.txt.
set(COUNTEM_HAS_PYTHON FALSE CACHE INTERNAL "The Python module is compiled")
set(countem_python_off "")
set(countem_python_environments ${CMAKE_BINARY_DIR}/python_environments)

macro(countem_find_python)
  # SABIModule (CMake 3.26) makes one module for all versions from 3.12 on; without it nanobind leaves STABLE_ABI out unasked.
  if(CMAKE_VERSION VERSION_LESS 3.26)
    find_package(Python 3.11 COMPONENTS Interpreter Development.Module)
  else()
    find_package(Python 3.11 COMPONENTS Interpreter Development.Module OPTIONAL_COMPONENTS Development.SABIModule)
  endif()
endmacro()

if(NOT COUNTEM_PYTHON)
  set(countem_python_off "COUNTEM_PYTHON is off")
elseif(COUNTEM_SANITIZE)
  set(countem_python_off "a sanitized library cannot be loaded into Python")
elseif(NOT COUNTEM_IO)
  set(countem_python_off "it needs the engine and its files")
elseif(CMAKE_CROSSCOMPILING)
  set(countem_python_off "it is compiled for another machine")
elseif(COUNTEM_PYTHON STREQUAL "AUTO" AND NOT COUNTEM_TESTS)
  set(countem_python_off "the tests are off")
else()
  countem_find_python()
  if(NOT Python_Development.Module_FOUND)
    set(countem_python_off "Python from 3.11 on with its headers (python3-dev) was not found")
  elseif(SKBUILD)
    find_package(nanobind CONFIG REQUIRED)
  else()
    execute_process(
      COMMAND ${Python_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/oracle/environment.py create ${countem_python_environments}
        --main ${PROJECT_SOURCE_DIR}/tests/python/requirements.txt
      RESULT_VARIABLE environment_result OUTPUT_VARIABLE environment_words ERROR_VARIABLE environment_words)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/python/requirements.txt)
    if(environment_result EQUAL 0)
      execute_process(COMMAND ${countem_python_environments}/main/bin/python -m nanobind --cmake_dir
        OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
      find_package(nanobind CONFIG REQUIRED)
    else()
      set(countem_python_off "${environment_words}")
    endif()
  endif()
endif()

if(NOT countem_python_off)
  set(COUNTEM_HAS_PYTHON TRUE CACHE INTERNAL "The Python module is compiled")
elseif(COUNTEM_PYTHON STREQUAL "ON" AND NOT COUNTEM_SANITIZE)
  message(FATAL_ERROR "COUNTEM_PYTHON=ON: ${countem_python_off}")
else()
  message(STATUS "countem: no Python module: ${countem_python_off}")
endif()
