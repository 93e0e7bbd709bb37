# Everything a target of ours needs from the compiler hangs on these two; nothing is set globally.
add_library(countem_private INTERFACE)  # warnings, sanitizers
add_library(countem::private ALIAS countem_private)
target_compile_options(countem_private INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wnon-virtual-dtor;-Woverloaded-virtual>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${COUNTEM_WERROR}>>:-Werror>)
# Where files are compiled together, a name of one may stand in an inner scope of another, and what is local to a file looks included.
if(NOT CMAKE_UNITY_BUILD)
  target_compile_options(countem_private INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wshadow>)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(countem_private INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()
if(COUNTEM_SANITIZE)
  target_compile_options(countem_private INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${COUNTEM_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>)
  target_link_options(countem_private INTERFACE -fsanitize=${COUNTEM_SANITIZE})
endif()

# For code that calls and compares: optimising it takes a third of its compile time, half under the sanitizers, and makes nothing
# faster that anybody waits for. Tests that simulate scans take three times as long without any optimisation.
if(COUNTEM_SANITIZE)
  set(countem_compiled_soon -O0)
else()
  set(countem_compiled_soon $<$<CONFIG:Release>:-O1>)
endif()

# countem_link_private(target libraries...) links what is nobody's business but the target's. An installed static library names
# only what its own link needs, by pkg-config module (countem_link_modules); header-only libraries end with the build.
function(countem_link_private target)
  foreach(library IN LISTS ARGN)
    list(FIND countem_link_targets ${library} at)
    if(library IN_LIST countem_header_only)
      target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${library}>)
    elseif(at GREATER -1)
      list(GET countem_link_modules ${at} module)
      target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${library}> $<INSTALL_INTERFACE:PkgConfig::countem_${module}>)
    else()
      target_link_libraries(${target} PRIVATE ${library})
    endif()
  endforeach()
endfunction()

# countem_add_library(name [EXACT] [SOURCES ...] [PUBLIC targets...] [PRIVATE targets...]) makes countem_<name> and countem::<name>.
# EXACT: its results are the same bits on every processor, so multiplications and additions are not fused where the processor could.
function(countem_add_library name)
  cmake_parse_arguments(ARG "EXACT" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(countem_${name} STATIC ${ARG_SOURCES})
  add_library(countem::${name} ALIAS countem_${name})
  set_target_properties(countem_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  target_compile_features(countem_${name} PUBLIC cxx_std_20)
  if(ARG_EXACT)
    target_compile_options(countem_${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
  endif()
  target_include_directories(countem_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(countem_${name} PUBLIC ${ARG_PUBLIC} PRIVATE $<BUILD_INTERFACE:countem_private>)
  countem_link_private(countem_${name} ${ARG_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY COUNTEM_LIBRARIES countem_${name})
endfunction()
