# SPDX-License-Identifier: Apache-2.0
# Installs the headers, both libraries, the CMake package and the pkg-config file.
include(CMakePackageConfigHelpers)

set(umcg_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/umcg)
set(umcg_pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(PROGRAMS tools/umcg-top DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/umcg DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(TARGETS umcg_static umcg_shared EXPORT umcg-targets
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT umcg-targets NAMESPACE umcg:: DESTINATION ${umcg_package_dir})

if(TARGET umcg_rpc)
  install(TARGETS umcg_rpc EXPORT umcg-rpc-targets
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT umcg-rpc-targets NAMESPACE umcg:: DESTINATION ${umcg_package_dir})
endif()

configure_package_config_file(cmake/umcg-config.cmake.in umcg-config.cmake
                              INSTALL_DESTINATION ${umcg_package_dir})
# Before 1.0 a minor version may break users.
write_basic_package_version_file(umcg-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/umcg-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/umcg-config-version.cmake
        DESTINATION ${umcg_package_dir})

# Folders that are absolute stay so.
foreach(folder libdir includedir)
  string(TOUPPER CMAKE_INSTALL_${folder} place)
  set(umcg_pc_${folder} ${${place}})
  if(NOT IS_ABSOLUTE "${${place}}")
    set(umcg_pc_${folder} "\${prefix}/${${place}}")
  endif()
endforeach()

# The prefix is told relative to the file's own place, so that an installed tree can be moved.
file(RELATIVE_PATH umcg_pc_to_prefix
     ${CMAKE_INSTALL_PREFIX}/${umcg_pkgconfig_dir} ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/umcg.pc.in umcg.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/umcg.pc DESTINATION ${umcg_pkgconfig_dir})
if(TARGET umcg_rpc)
  configure_file(cmake/umcg-rpc.pc.in umcg-rpc.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/umcg-rpc.pc DESTINATION ${umcg_pkgconfig_dir})
endif()
