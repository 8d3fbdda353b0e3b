# Cross build for 64-bit Arm on Debian. Packages: gcc-aarch64-linux-gnu,
# qemu-user, and with `dpkg --add-architecture arm64` the :arm64 ones of
# zlib1g-dev libcjson-dev libpcre2-dev libssl-dev check.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
# pkg-config's own search path is this machine's.
set(ENV{PKG_CONFIG_LIBDIR}
    /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
