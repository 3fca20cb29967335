#!/bin/sh
# Archives as GNU tar makes them: in every format of it, with and without `./`, whatever `bin/gog` is in
# them. For each prints what its `member` has to say (a file with the content, or a word for why not), the
# member and the archive.
set -eu
mkdir -p bin "bin dir" && printf hello >bin/file
head -c 3000000 /dev/zero >bin/sparse && printf end >>bin/sparse
ln -s file bin/symlink; ln -s /etc/passwd bin/absolute; ln -s ../../x bin/outside; ln bin/file bin/hardlink
mkdir bin/directory; mkfifo bin/fifo; long=$(printf 'x%.0s' $(seq 90))/$(printf 'y%.0s' $(seq 90))
mkdir "$(dirname "$long")"; printf long >"$long"
: >empty
n=0
archive() { # EXPECTED MEMBER TAR-ARGUMENTS...
  expected=$1 member=$2; shift 2
  n=$((n + 1)); tar -czf "$n.tar.gz" "$@"; printf '%s\t%s\t%s.tar.gz\n' "$expected" "$member" "$n"
}
for format in gnu oldgnu pax posix ustar; do
  for dot in '' ./; do
    f=--format=$format
    archive file bin/file "$f" "${dot}bin/file"
    archive sparse bin/sparse "$f" "${dot}bin/sparse"
    [ $format = ustar ] || archive sparse bin/sparse "$f" --sparse "${dot}bin/sparse"
    archive long "$long" "$f" "${dot}$long"
    archive empty empty "$f" "${dot}empty"
    archive file bin/file "$f" "${dot}bin"
    archive link bin/hardlink "$f" "${dot}bin/file" "${dot}bin/hardlink"
    archive link bin/symlink "$f" "${dot}bin/symlink"
    archive link bin/absolute "$f" "${dot}bin/absolute"
    archive link bin/outside "$f" "${dot}bin/outside"
    archive none bin/directory "$f" "${dot}bin/directory"
    archive no bin/fifo "$f" "${dot}bin/fifo"
    archive none bin/gog "$f" "${dot}bin/file"
    archive none bin "$f" "${dot}bin/file"
    archive twice bin/file "$f" "${dot}bin/file" --hard-dereference bin/./file bin/file
  done
  archive none bin/file "$f" -P "$PWD/bin/file"
  archive none bin/file "$f" -P "bin/../bin/file"
  archive file bin/file "$f" --owner='a b:7' --group='c d:8' bin/file
done
