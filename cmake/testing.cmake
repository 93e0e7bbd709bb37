find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
include(GoogleTest)

# countem_add_test(name SOURCES ... [LIBRARIES ...] [LABELS ...]) makes the program test_<name> and one ctest entry per test case.
function(countem_add_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(test_${name} ${ARG_SOURCES})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(test_${name} PRIVATE ${countem_compiled_soon})
  target_link_libraries(test_${name} PRIVATE ${ARG_LIBRARIES} GTest::gtest_main GTest::gmock countem_private)
  gtest_discover_tests(test_${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 120 PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()
