#!/usr/bin/env bash
# Scopes, flow and fixed-capacity sets without `std`, run on an emulated Cortex-M4 (QEMU). By hand: not part of CI.
#
# With `rustup target add thumbv7em-none-eabi` that is all it takes, besides qemu-system-arm. Else
# core and alloc are built from the sources of Debian's packages, unpacked into target/debian-rust.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
target=thumbv7em-none-eabi
flags="-C link-arg=-Tlink.x"
build=(cargo build --release --manifest-path ci/cortex-m/Cargo.toml --target "$target" --target-dir target/cortex-m)

if [[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ]]; then
    RUSTFLAGS="$flags" "${build[@]}"
else
    root="$PWD/target/debian-rust"
    if [[ ! -x "$root/usr/bin/rustc" ]]; then
        mkdir -p "$root/packages"
        (
            cd "$root/packages"
            apt-get download rustc-web rust-web-llvm rust-web-src libstd-rust-web-dev \
                libstd-rust-web-1.96 libllvm22 lld-22
            for package in *.deb; do dpkg -x "$package" "$root"; done
        )
    fi
    RUSTC="$root/usr/bin/rustc" RUSTC_BOOTSTRAP=1 \
        LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/llvm-22/lib" \
        RUSTFLAGS="-C linker=$root/usr/lib/llvm-22/bin/ld.lld $flags" \
        "${build[@]}" -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem
fi

qemu-system-arm -cpu cortex-m4 -machine lm3s6965evb -nographic \
    -semihosting-config enable=on,target=native \
    -kernel "target/cortex-m/$target/release/cortex-m-test"
