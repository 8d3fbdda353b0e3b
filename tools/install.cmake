# What goes where: cmake --install, and the packages that CPack makes of it.
include(GNUInstallDirs)
set(contact "phiconv developers <phiconv@debian.example.org>")
set(docdir ${CMAKE_INSTALL_DATAROOTDIR}/doc)

install(TARGETS phiconv COMPONENT program)

# Manual pages and completion come out of the program itself.
set(pages_dir ${CMAKE_BINARY_DIR}/pages)
set(pages ${pages_dir}/phiconv.1.gz)
set(page_commands "")
file(GLOB command_files CONFIGURE_DEPENDS tools/cmd_*.c)
foreach(file ${command_files})
  get_filename_component(name ${file} NAME_WE)
  string(REGEX REPLACE "^cmd_" "" name ${name})
  string(REPLACE "_" "-" name ${name})
  list(APPEND page_commands ${name})
  list(APPEND pages ${pages_dir}/phiconv-${name}.1.gz)
endforeach()
if(NOT CMAKE_CROSSCOMPILING)
  set(others ${pages_dir}/phiconv ${pages_dir}/_phiconv
      ${pages_dir}/phiconv.fish ${pages_dir}/changelog.gz
      ${pages_dir}/changelog.Debian.gz)
  add_custom_command(OUTPUT ${pages} ${others}
      COMMAND ${CMAKE_SOURCE_DIR}/tools/make-pages.sh
          $<TARGET_FILE:phiconv> ${CMAKE_SOURCE_DIR}/CHANGELOG.md ${pages_dir}
          "${contact}" ${page_commands}
      DEPENDS phiconv CHANGELOG.md tools/make-pages.sh tools/version.h VERBATIM
      COMMENT "Manual pages and completion")
  add_custom_target(pages ALL DEPENDS ${pages} ${others})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
      COMPONENT program)
  install(FILES ${pages_dir}/phiconv COMPONENT program
      DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions)
  install(FILES ${pages_dir}/_phiconv COMPONENT program
      DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions)
  install(FILES ${pages_dir}/phiconv.fish COMPONENT program
      DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/fish/vendor_completions.d)
endif()
# What the README names, under the names that it has there.
install(FILES README.md SECURITY.md COMPONENT program
    DESTINATION ${docdir}/phiconv)
install(FILES docs/json.md docs/manifest.md docs/limits.md COMPONENT program
    DESTINATION ${docdir}/phiconv/docs)
install(FILES formats/PACK.md COMPONENT program
    DESTINATION ${docdir}/phiconv/formats)

set(packages phiconv)
if(PHI_LIBRARY)
  list(APPEND packages libphiconv${library_soversion} libphiconv-dev)
  install(TARGETS phiconv_shared
      LIBRARY COMPONENT library NAMELINK_COMPONENT development)
  install(TARGETS phiconv_static ARCHIVE COMPONENT development)
  install(FILES formats/api/phiconv.h COMPONENT development
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  configure_file(tools/phiconv.pc.in phiconv.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/phiconv.pc COMPONENT development
      DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  install(DIRECTORY docs/examples COMPONENT development
      DESTINATION ${docdir}/libphiconv-dev)
endif()

# Every package says what changed and who may do what with it.
set(components program library development)
foreach(package component IN ZIP_LISTS packages components)
  if(package AND NOT CMAKE_CROSSCOMPILING)
    install(FILES ${pages_dir}/changelog.gz
        ${pages_dir}/changelog.Debian.gz COMPONENT ${component}
        DESTINATION ${docdir}/${package})
  endif()
  if(package)
    install(FILES LICENSE RENAME copyright COMPONENT ${component}
        DESTINATION ${docdir}/${package})
  endif()
endforeach()

# A tarball with everything; a package for the program, one for the shared
# library, one for who builds with it.
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_PACKAGE_NAME phiconv)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_CONTACT ${contact})
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL program)
if(PHI_LIBRARY)
  list(APPEND CPACK_COMPONENTS_ALL library development)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 0)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE
    OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME phiconv)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
"Phi checkpoints to quantized files, measured
 Turns a Phi checkpoint (a Hugging Face folder with sharded safetensors,
 LoRA adapters) into quantized GGUF files and proves what that cost: its own
 engine measures perplexity and KL divergence against the float source.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libphiconv${library_soversion})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
"Phi checkpoints to quantized files, shared library
 What the program phiconv does, for other programs: it opens Phi models,
 merges adapters, writes quantized GGUF files and measures perplexity.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libphiconv-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libphiconv${library_soversion} (= ${PROJECT_VERSION}-0)")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"Phi checkpoints to quantized files, development files
 The header, the static library, and two examples of programs that use
 libphiconv.")
include(CPack)
