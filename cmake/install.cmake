include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/countem)
get_property(libraries GLOBAL PROPERTY COUNTEM_LIBRARIES)
install(TARGETS ${libraries} EXPORT countem ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS countem_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY host/include/countem DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(FILES ${PROJECT_BINARY_DIR}/generated/countem/version.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/countem)
install(EXPORT countem NAMESPACE countem:: FILE countem-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/countem-config.cmake.in ${PROJECT_BINARY_DIR}/countem-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/countem-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/countem-config.cmake ${PROJECT_BINARY_DIR}/countem-config-version.cmake
        DESTINATION ${package_dir})
