# Everything a target of ours needs from the compiler hangs on these two; nothing is set globally.
add_library(countem_private INTERFACE)  # warnings, sanitizers
add_library(countem::private ALIAS countem_private)
target_compile_options(countem_private INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow;-Wnon-virtual-dtor;-Woverloaded-virtual>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${COUNTEM_WERROR}>>:-Werror>)
if(COUNTEM_SANITIZE)
  target_compile_options(countem_private INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${COUNTEM_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>)
  target_link_options(countem_private INTERFACE -fsanitize=${COUNTEM_SANITIZE})
endif()

# countem_add_library(name [SOURCES ...] [PUBLIC targets...] [PRIVATE targets...]) makes countem_<name> and countem::<name>.
function(countem_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(countem_${name} STATIC ${ARG_SOURCES})
  add_library(countem::${name} ALIAS countem_${name})
  set_target_properties(countem_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  target_compile_features(countem_${name} PUBLIC cxx_std_20)
  target_include_directories(countem_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(countem_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:countem_private>)
  set_property(GLOBAL APPEND PROPERTY COUNTEM_LIBRARIES countem_${name})
endfunction()
