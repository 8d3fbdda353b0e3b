# libphiconv: the functions of formats/api/phiconv.h.
#
# Both kinds are built. The shared one shows those functions and no others
# (everything is compiled with hidden visibility), so that programs can rely on
# nothing that may change; its name carries the version that SemVer lets
# break: 0.1, then 1, 2, ... The static one is a single archive of all parts;
# the names in it begin with phi_ or phiconv_. The program phiconv uses neither:
# one file that can be copied, of the same objects.
file(GLOB api_sources CONFIGURE_DEPENDS formats/api/*.c)
set_source_files_properties(${api_sources} PROPERTIES COMPILE_DEFINITIONS
    "PHICONV_API_VERSION=\"${phiconv_version}\"")

set_target_properties(phiconv_core phiconv_formats PROPERTIES
    POSITION_INDEPENDENT_CODE ON)
set(library_objects $<TARGET_OBJECTS:phiconv_core>
    $<TARGET_OBJECTS:phiconv_formats>)
set(library_needs PkgConfig::PCRE2 PkgConfig::CJSON OpenSSL::Crypto ZLIB::ZLIB
    Threads::Threads m)
if(PHI_OPENMP)
  list(APPEND library_needs OpenMP::OpenMP_C)
endif()

add_library(phiconv_api OBJECT ${api_sources})
set_target_properties(phiconv_api PROPERTIES POSITION_INDEPENDENT_CODE ON)
list(APPEND library_objects $<TARGET_OBJECTS:phiconv_api>)

add_library(phiconv_shared SHARED ${library_objects})
target_link_libraries(phiconv_shared PRIVATE ${library_needs})
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(library_soversion 0.${PROJECT_VERSION_MINOR})
else()
  set(library_soversion ${PROJECT_VERSION_MAJOR})
endif()
set_target_properties(phiconv_shared PROPERTIES OUTPUT_NAME phiconv
    VERSION ${PROJECT_VERSION} SOVERSION ${library_soversion}
    LINKER_LANGUAGE C)
# What is forgotten is found here, not by the first program.
if(NOT PHI_SANITIZE)
  target_link_options(phiconv_shared PRIVATE LINKER:-z,defs)
endif()

add_library(phiconv_static STATIC ${library_objects})
target_link_libraries(phiconv_static PRIVATE ${library_needs})
set_target_properties(phiconv_static PROPERTIES OUTPUT_NAME phiconv
    LINKER_LANGUAGE C)
