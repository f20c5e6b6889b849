#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# bench.sh MKZFS FOLDER: CPU seconds, wall time and memory of mkzfs and of other image writers on the
# same folder, side by side, each twice. Works in the current folder.
set -u
mkzfs=$1 tree=$2
row() {
    name=$1
    shift
    rm -f bench.img
    /usr/bin/time -f "$name: user %U sys %S wall %e RSS %M KB" "$@" >/dev/null 2>bench.log
    tail -n 1 bench.log
    rm -f bench.img bench.log
}
find "$tree" -type f -printf '%s\n' | awk '{s += $1} END {print s " bytes in " NR " files"}'
find "$tree" -type f -exec cat {} + >/dev/null # into the page cache
size=$(($(du -sm "$tree" | cut -f1) * 2))M
for _ in 1 2; do
    row "tar" tar cf bench.img "$tree"
    row "mke2fs -d" mke2fs -q -t ext4 -d "$tree" bench.img "$size"
    row "mksquashfs none" mksquashfs "$tree" bench.img -noI -noD -noF -noX -noappend -quiet -no-progress -processors 1
    row "mksquashfs lz4" mksquashfs "$tree" bench.img -comp lz4 -noappend -quiet -no-progress -processors 1
    row "mkfs.erofs none" mkfs.erofs bench.img "$tree"
    row "mkfs.erofs lz4" mkfs.erofs -zlz4 bench.img "$tree"
    for threads in 1 2; do
        for codec in off lz4; do
            row "mkzfs $codec, $threads threads" "$mkzfs" -q -j $threads -c $codec -o bench.img "$tree"
        done
    done
done
