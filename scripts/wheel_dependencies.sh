#!/usr/bin/env bash
# Builds the libraries that a wheel links statically, from the sources of Debian 12, into a folder of their own.
#   scripts/wheel_dependencies.sh PREFIX
# The sources come through apt where it is, from where its packages come, else from Debian's archive; bitshuffle's come through pip. A library whose
# version here has not changed since it was built is left as it is. Needs g++, cmake, make, nasm, pip; zlib and libpng are the system's.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
mkdir -p "$1/sources" "$1/built"
prefix=$(cd "$1" && pwd)
jobs=$(nproc)
archive=https://snapshot.debian.org/archive/debian/20250520T000000Z/pool/main

# name of the source package, version, file of the sources, SHA-256
sources='
hdf5           1.10.8+repack1-1   hdf5_1.10.8+repack1.orig.tar.gz        7b38e58ff83b13fd8959a90b13bf896bc318ba096c940ab0847abf3ad41a0b31
hdf5           1.10.8+repack1-1   hdf5_1.10.8+repack1-1.debian.tar.xz    d11ad311c20f84199a04f44be87e03f91560c8f020576624edd07dd58eacbacb
fmtlib         9.1.0+ds1-2        fmtlib_9.1.0+ds1.orig.tar.gz           84ce1c2d0be3a9863935137969dcec6970125caac032f82474640bfc81463583
libdeflate     1.14-1             libdeflate_1.14.orig.tar.gz            89e7df898c37c3427b0f39aadcf733731321a278771d20fc553f92da8d4808ac
libisal        2.30.0-5           libisal_2.30.0.orig.tar.xz             f363f1be3d657d5676cef5253ee2233e60116e2fa9c9de86881185bf81e0e4b8
tiff           4.5.0-6+deb12u4    tiff_4.5.0.orig.tar.bz2                638f43d7dea33948d5dee7f39572fc0194d9cc3c74195de9dd26a4388a1f880a
highway        1.0.3-3+deb12u1    highway_1.0.3.orig.tar.gz              566fc77315878473d9a6bd815f7de78c73734acdcb745c3dde8579560ac5440e
onetbb         2021.8.0-2+deb12u1 onetbb_2021.8.0.orig.tar.xz            7e9111b8bb59c8800bf6d0b06afe7b0891937443d2dae1ee1101c8e2ede6a7ef
cli11          2.1.2+ds-1         cli11_2.1.2+ds.orig.tar.xz             8143d20b688e98ccce8e24562d3b68e5f47c12e896c42c7ca8553dbde5bed55d
nlohmann-json3 3.11.2-2           nlohmann-json3_3.11.2.orig.tar.gz      d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273
eigen3         3.4.0-4            eigen3_3.4.0.orig.tar.bz2              b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626
'
bitshuffle=0.5.2
bitshuffle_sum=dc0e3fb7bdbf42be1009cc3028744180600d625a75b31833a24aa32aeaf83d8d

checked() { echo "$2  $prefix/sources/$1" | sha256sum --check --status; }

# apt_source NAME=VERSION: downloads it with lists of our own, since few machines list sources
apt_source() {
  local own=$prefix/apt options
  options=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$own/parts" -o "Dir::State::Lists=$own/lists")
  if ! [ -d "$own/lists" ]; then
    mkdir -p "$own/parts" "$own/lists/partial"
    sed -E 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/*.sources >"$own/parts/own.sources" 2>/dev/null || true
    sed -E 's/^deb /deb-src /' /etc/apt/sources.list /etc/apt/sources.list.d/*.list >"$own/parts/own.list" 2>/dev/null || true
    apt-get "${options[@]}" update >&2 || { rm -rf "$own"; return 1; }
  fi
  apt-get "${options[@]}" source --download-only "$1" >&2
}

# fetch NAME: every file of the package, with the sum that the table gives
fetch() {
  local name version file sum folder=$1
  if [[ $folder == lib* ]]; then folder=${folder:0:4}/$folder; else folder=${folder:0:1}/$folder; fi
  while read -r name version file sum; do
    [ "$name" = "$1" ] || continue
    if [ -f "$prefix/sources/$file" ] && checked "$file" "$sum"; then continue; fi
    if command -v apt-get >/dev/null; then (cd "$prefix/sources" && apt_source "$name=$version")
    else curl -sSfL -o "$prefix/sources/$file" "$archive/$folder/$file"
    fi
    checked "$file" "$sum" || { echo "countem: $file is not the file that $0 names" >&2; exit 1; }
  done <<<"$sources"
}

# unpack NAME: prints the folder of its sources, with Debian's patches where the table has them
unpack() {
  local name version file sum folder=$prefix/unpacked/$1
  rm -rf "$folder"
  mkdir -p "$folder"
  while read -r name version file sum; do
    [ "$name" = "$1" ] || continue
    if [[ $file == *.debian.tar.* ]]; then
      tar -xf "$prefix/sources/$file" -C "$folder"
      grep -v '^ *#' "$folder/debian/patches/series" | while read -r patch; do
        patch -d "$folder" -p1 -s --no-backup-if-mismatch < "$folder/debian/patches/$patch" >&2
      done
    else
      tar -xf "$prefix/sources/$file" -C "$folder" --strip-components=1
    fi
  done <<<"$sources"
  find "$folder" -exec touch -d 2000-01-01 {} +  # one time for all, so that nothing patched is generated again
  echo "$folder"
}

with_cmake() {
  local folder=$1
  shift
  cmake -S "$folder" -B "$folder/out" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_TESTING=OFF -DCMAKE_POLICY_VERSION_MINIMUM=3.5 "$@"
  cmake --build "$folder/out" -j "$jobs"
  cmake --install "$folder/out"
}

# pc NAME VERSION REQUIRES LIBS: what cmake/dependencies.cmake finds the library by
pc() {
  mkdir -p "$prefix/lib/pkgconfig"
  printf 'prefix=%s\nName: %s\nDescription: %s, static\nVersion: %s\nRequires: %s\nCflags: -I${prefix}/include\nLibs: -L${prefix}/lib %s\n' \
    "$prefix" "$1" "$1" "$2" "$3" "$4" > "$prefix/lib/pkgconfig/$1.pc"
}

build_hdf5() {
  mkdir -p "$1/out"
  (cd "$1/out" && CFLAGS='-O2 -fPIC -ffunction-sections -fdata-sections' ../configure --prefix="$prefix" --disable-shared --enable-static --with-pic --disable-ros3-vfd \
    --without-szlib --disable-hl --disable-tests --disable-tools && make -j "$jobs" -C src install)
  pc hdf5-serial "$2" '' '-lhdf5 -lz -ldl -lm'
}
build_fmtlib() { with_cmake "$1" -DFMT_TEST=OFF -DFMT_DOC=OFF; }
build_libdeflate() {
  make -C "$1" -j "$jobs" CFLAGS='-O2 -fPIC' PREFIX="$prefix" DISABLE_SHARED=1 install
  pc libdeflate "$2" '' -ldeflate
}
build_libisal() {
  make -C "$1" -f Makefile.unx -j "$jobs" lib CFLAGS_=-fPIC
  mkdir -p "$prefix/include/isa-l"
  cp "$1"/include/*.h "$prefix/include/isa-l/"
  cp "$1/bin/isa-l.a" "$prefix/lib/libisal.a"
  pc libisal "$2" '' -lisal
}
build_tiff() {  # without any codec
  with_cmake "$1" -Dtiff-tools=OFF -Dtiff-tests=OFF -Dtiff-contrib=OFF -Dtiff-docs=OFF -Dcxx=OFF -Dzlib=OFF -Dlibdeflate=OFF -Dpixarlog=OFF \
    -Djpeg=OFF -Dold-jpeg=OFF -Djbig=OFF -Dlerc=OFF -Dlzma=OFF -Dzstd=OFF -Dwebp=OFF
}
build_highway() {
  with_cmake "$1" -DHWY_ENABLE_EXAMPLES=OFF -DHWY_ENABLE_CONTRIB=OFF -DHWY_ENABLE_TESTS=OFF -DHWY_ENABLE_INSTALL=ON
  pc libhwy "$2" '' -lhwy
}
build_onetbb() { with_cmake "$1" -DTBB_TEST=OFF -DTBB_STRICT=OFF -DTBBMALLOC_BUILD=OFF; }
build_cli11() { with_cmake "$1" -DCLI11_BUILD_TESTS=OFF -DCLI11_BUILD_EXAMPLES=OFF -DCLI11_BUILD_DOCS=OFF -DCLI11_SINGLE_FILE=OFF; }
build_nlohmann_json3() { with_cmake "$1" -DJSON_BuildTests=OFF; }
build_eigen3() { with_cmake "$1" -DEIGEN_BUILD_DOC=OFF -DEIGEN_BUILD_PKGCONFIG=OFF; }

# once NAME VERSION COMMAND...: runs the command, unless it has run for this version
once() {
  local built=$prefix/built/$1-$2 log=$prefix/built/$1.log
  [ -f "$built" ] && return
  echo "$1 $2 ($SECONDS s since the start)"
  # Not as a condition: there a failing command would not end the function.
  (set -e; "${@:3}") > "$log" 2>&1 &
  wait $! || { tail -n 20 "$log" >&2; echo "countem: $1 was not built; all its words are in $log" >&2; exit 1; }
  touch "$built"
}

from_debian() {
  local folder
  fetch "$1"
  folder=$(unpack "$1")
  "build_${1//-/_}" "$folder" "${2%-*}"
}

build_bitshuffle() {
  local folder=$prefix/unpacked/bitshuffle file=$prefix/sources/bitshuffle-$bitshuffle.tar.gz objects
  if ! [ -f "$file" ]; then  # pip runs the setup of what it downloads, which needs these
    python3 -m venv "$prefix/unpacked/pip"
    "$prefix/unpacked/pip/bin/pip" install -q cython 'numpy<3' pkgconfig setuptools wheel h5py
    "$prefix/unpacked/pip/bin/pip" download -q --no-deps --no-binary :all: --no-build-isolation -d "$prefix/sources" "bitshuffle==$bitshuffle"
  fi
  checked "$(basename "$file")" "$bitshuffle_sum"
  rm -rf "$folder"
  mkdir -p "$folder"
  tar -xf "$file" -C "$folder" --strip-components=1
  (cd "$folder" && cc -O3 -fPIC -std=c99 -D_GNU_SOURCE -Isrc -Ilz4 -I"$prefix/include" -c src/bitshuffle.c src/bitshuffle_core.c src/iochain.c src/bshuf_h5filter.c lz4/lz4.c)
  objects=("$folder"/*.o)
  ar rcs "$prefix/lib/libbshuf.a" "${objects[@]}"
  pc bshuf-static "$bitshuffle" hdf5-serial -lbshuf
}

# Two functions got a second version in glibc 2.35 and libstdc++ 12, which nothing here needs: with the first, the wheels of this machine run
# from glibc 2.34 on.
build_older_system() {
  cat > "$prefix/unpacked/older_system.c" <<'END'
__asm__(".symver first_hypot,hypot@GLIBC_2.2.5");
double first_hypot(double, double);
double __wrap_hypot(double, double);
double __wrap_hypot(double x, double y) { return first_hypot(x, y); }

/* std::condition_variable::wait(std::unique_lock<std::mutex>&) */
__asm__(".symver first_wait,_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
void first_wait(void*, void*);
void __wrap__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(void*, void*);
void __wrap__ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE(void* self, void* lock) { first_wait(self, lock); }
END
  cc -O2 -fPIC -fexceptions -c "$prefix/unpacked/older_system.c" -o "$prefix/lib/older_system.o"
}

while read -r name version _; do
  [ -z "$name" ] || once "$name" "$version" from_debian "$name" "$version"
done <<<"$sources"
once bitshuffle "$bitshuffle" build_bitshuffle
if [ "$(uname -m)" = x86_64 ]; then once older_system 1 build_older_system; fi

# Wheels carry the licences of what they link.
mkdir -p "$prefix/licenses"
for file in "$prefix"/unpacked/*/{LICENSE,LICENCE,COPYING}*; do
  if [ -f "$file" ]; then cp "$file" "$prefix/licenses/$(basename "$(dirname "$file")")-$(basename "$file")"; fi
done
for file in /usr/share/doc/libpng16-16/copyright /usr/share/licenses/libpng/LICENSE; do  # the system's, which auditwheel bundles
  if [ -f "$file" ]; then cp "$file" "$prefix/licenses/libpng-LICENSE"; fi
done
rm -f "$prefix"/licenses/eigen3-COPYING.{GPL,LGPL,APACHE,MINPACK}  # of parts that nothing here includes
